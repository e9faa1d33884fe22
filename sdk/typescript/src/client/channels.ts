const SEGMENTS: Record<string, number> = {
  dossier: 2,
  document: 1,
  workspace: 1,
  user: 1,
  relationship: 1,
  ops: 1,
  global: 0,
};

/** Check the name of a channel as the service does. Throws RangeError for another one. */
export function checkChannel(channel: string): void {
  const [namespace, ...segments] = String(channel).split(":");
  const count = Object.hasOwn(SEGMENTS, namespace!) ? SEGMENTS[namespace!] : undefined;
  if (count !== segments.length || !segments.every((segment) => /^[\w.-]{1,64}$/.test(segment))) {
    throw new RangeError(
      `${JSON.stringify(String(channel).slice(0, 64))} is no channel; one looks like dossier:country:SA, document:42 or global`,
    );
  }
}
