/** The moments at which a page may have been asleep, hidden, frozen or without a network. */
export interface PageEvents {
  addEventListener(type: string, listener: (event: Event) => void): void;
  removeEventListener(type: string, listener: (event: Event) => void): void;
}

/** Call `wake` when the page may have missed something; `sure` where its connection may be gone. */
export function watchPage(wake: (sure: boolean) => void, page = pageOf("window"), view = pageOf("document")): () => void {
  const online = (): void => wake(true);
  const shown = (event: Event): void => wake((event as PageTransitionEvent).persisted === true);
  const seen = (): void => {
    if ((view as Partial<Document> | undefined)?.visibilityState !== "hidden") wake(false);
  };
  const watched: [PageEvents | undefined, string, (event: Event) => void][] = [
    [page, "online", online],
    [page, "pageshow", shown],
    [view, "resume", seen],
    [view, "visibilitychange", seen],
  ];
  for (const [where, type, listener] of watched) where?.addEventListener(type, listener);
  return () => {
    for (const [where, type, listener] of watched) where?.removeEventListener(type, listener);
  };
}

function pageOf(name: "window" | "document"): PageEvents | undefined {
  const found = (globalThis as Record<string, unknown>)[name] as PageEvents | undefined;
  return typeof found?.addEventListener === "function" ? found : undefined;
}
