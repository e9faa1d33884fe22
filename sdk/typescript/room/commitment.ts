/** A commitment whose deadline comes nearer while one looks: the service raises its levels, one after the other. */
import { call } from "./guest.js";

/** Days before the deadline, each past the next level of the agreements of this type (30, 14 and 7 days). */
const DAYS_LEFT = [25, 10, 5];
const PAUSE_MS = 3000;

function dateIn(days: number): string {
  return new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);
}

/** The commitment of one guest, who owns it. */
export class Commitment {
  #number = 0;

  constructor(private readonly userId: string) {}

  /** Register a commitment, then move its deadline nearer twice. Rejects with the service's message where it refuses. */
  async climb(): Promise<void> {
    this.#number += 1;
    const id = `${this.userId}-${this.#number}`;
    for (const days of DAYS_LEFT) {
      const { status, body } = await call("PUT", `/v1/commitments/${id}`, {
        mou_id: "room",
        title: { en: "Share the trade statistics of the year", ar: "مشاركة إحصاءات التجارة للعام" },
        due_date: dateIn(days),
        mou_type: "technical-cooperation",
        responsible_department: { en: "International relations", ar: "العلاقات الدولية" },
        owner: this.userId,
        escalation: [[this.userId], [], []],
      });
      if (status !== 200) throw new Error(String(body.message));
      await new Promise((done) => setTimeout(done, PAUSE_MS));
    }
  }
}
