/**
 * `@dossier/realtime/react`: hooks. On a server they return what is known before a connection and do nothing else.
 *
 *     createRoot(page).render(<RealtimeProvider client={client}><App /></RealtimeProvider>);
 */
import {
  createContext,
  createElement,
  type ReactElement,
  type ReactNode,
  useCallback,
  useContext,
  useEffect,
  useRef,
  useState,
  useSyncExternalStore,
} from "react";
import type {
  PresenceState,
  RealtimeConnection,
  SubscribeHandlers,
  SubscribeOptions,
  Subscription,
  SubscriptionStatus,
} from "../client/interface.js";
import { type DocumentStatus, openDocument, type RemoteCursor, type SharedDocument } from "../documents/index.js";
import { ConnectionState, type ServerMessage } from "../protocol.js";

const ClientContext = createContext<RealtimeConnection | undefined>(undefined);
const NOBODY: PresenceState = { count: 0, users: [], truncated: false, locks: [] };
const NO_CURSORS: ReadonlyMap<string, RemoteCursor> = new Map();

/** Give the client to all hooks below; without one (on a server) they do nothing. */
export function RealtimeProvider(props: {
  readonly client: RealtimeConnection | undefined;
  readonly children?: ReactNode;
}): ReactElement {
  return createElement(ClientContext.Provider, { value: props.client }, props.children);
}

/** Return the client of the nearest `RealtimeProvider`. */
export function useClient(): RealtimeConnection | undefined {
  return useContext(ClientContext);
}

/** Return the state of the connection. */
export function useConnectionState(): ConnectionState {
  const client = useClient();
  const subscribe = useCallback((tell: () => void) => client?.onState(tell) ?? (() => undefined), [client]);
  return useSyncExternalStore(
    subscribe,
    () => client?.state ?? ConnectionState.DISCONNECTED,
    () => ConnectionState.DISCONNECTED,
  );
}

/** The options of `useChannel`. */
export interface ChannelOptions {
  /** Called with a gap in the events, with a refusal, and with what ended the subscription. */
  readonly onError?: (error: Error) => void;
  /** Begin with so many of the last events, 1 to 100. */
  readonly last?: number;
}

/** Subscribe to a channel while the component is there; `undefined` subscribes to none. */
export function useChannel(
  channel: string | undefined,
  onMessage: (message: ServerMessage) => void,
  options: ChannelOptions = {},
): { readonly status: SubscriptionStatus; readonly error: Error | undefined } {
  const client = useClient();
  const latest = useRef({ onMessage, options });
  useEffect(() => {
    latest.current = { onMessage, options };
  });
  const [state, setState] = useState<{ status: SubscriptionStatus; error: Error | undefined }>(WAITING);
  const { last } = options;
  useEffect(() => {
    if (!client || channel === undefined) {
      return undefined;
    }
    setState(WAITING);
    let isOver = false;
    let shown: SubscriptionStatus = "waiting";
    let error: Error | undefined;
    const show = (status: SubscriptionStatus): void => {
      if (!isOver) {
        shown = status;
        setState((was) => (was.status === status && was.error === error ? was : { status, error }));
      }
    };
    const more: SubscribeOptions = last === undefined ? {} : { last };
    const handlers: SubscribeHandlers = {
      onMessage: (message) => {
        latest.current.onMessage(message);
        if (shown === "recovering") {
          show(subscription.status);
        }
      },
      onError: (wrong) => {
        error = wrong;
        show(subscription.status);
        latest.current.options.onError?.(wrong);
      },
      onEnd: (wrong) => {
        error ??= wrong;
        show("ended");
      },
    };
    let subscription: Subscription;
    try {
      subscription = client.subscribe(channel, handlers, more);
    } catch (wrong) {
      error = wrong as Error;
      show("ended");
      return undefined;
    }
    const ends = [
      client.onState(() => show(subscription.status)),
      client.on("subscribed", (answer) => answer.channel === channel && show(subscription.status)),
    ];
    subscription.ready().then(() => show(subscription.status), () => show("ended"));
    return () => {
      isOver = true;
      ends.forEach((end) => end());
      subscription.unsubscribe();
    };
  }, [client, channel, last]);
  return state;
}

const WAITING = { status: "waiting", error: undefined } as const;

/** Return who is on a channel, while the component is there. */
export function usePresence(channel: string | undefined): PresenceState {
  const client = useClient();
  const [presence, setPresence] = useState(NOBODY);
  useEffect(() => {
    if (!client || channel === undefined) {
      return undefined;
    }
    let subscription: Subscription;
    try {
      subscription = client.subscribe(channel, {
        onPresence: setPresence,
        onError: () => undefined, // what ends the subscription is told by `onEnd`; after all else it goes on
        onEnd: () => setPresence(NOBODY),
      });
    } catch {
      return undefined; // the client has ended: nobody is known to be there
    }
    subscription.ready().catch(() => undefined);
    return () => {
      subscription.unsubscribe();
      setPresence(NOBODY);
    };
  }, [client, channel]);
  return presence;
}

/** A document as a component shows it. `document` is there from the first effect on, and edited through. */
export interface DocumentView {
  readonly document: SharedDocument | undefined;
  readonly text: string;
  readonly status: DocumentStatus;
  readonly isLoaded: boolean;
  readonly synced: boolean;
  readonly canUndo: boolean;
  readonly canRedo: boolean;
  readonly cursors: ReadonlyMap<string, RemoteCursor>;
  /** The last refusal, or what ended the document. */
  readonly error: Error | undefined;
}

const NO_DOCUMENT: DocumentView = {
  document: undefined,
  text: "",
  status: "stale",
  isLoaded: false,
  synced: false,
  canUndo: false,
  canRedo: false,
  cursors: NO_CURSORS,
  error: undefined,
};

/** Open a document while the component is there; after it goes, it stays open until what waits is saved. */
export function useDocument(id: string | undefined): DocumentView {
  const client = useClient();
  const [view, setView] = useState(NO_DOCUMENT);
  useEffect(() => {
    if (!client || id === undefined) {
      return undefined;
    }
    let document: SharedDocument;
    try {
      document = openDocument(client, id);
    } catch (wrong) {
      setView({ ...NO_DOCUMENT, error: wrong as Error });
      return () => setView(NO_DOCUMENT);
    }
    let error: Error | undefined;
    const show = (): void => {
      const { text, status, isLoaded, synced, canUndo, canRedo, cursors } = document;
      setView({ document, text, status, isLoaded, synced, canUndo, canRedo, cursors, error: error ?? document.error });
    };
    const ends = [
      document.onChange(show),
      document.onStatus(show),
      document.onCursors(show),
      document.onSynced(show),
      document.onError((wrong) => {
        error = wrong;
        show();
      }),
    ];
    show();
    return () => {
      ends.forEach((end) => end());
      setView(NO_DOCUMENT);
      void document.closeWhenSynced();
    };
  }, [client, id]);
  return view;
}
