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
import type { PresenceState, RealtimeConnection, SubscribeOptions, SubscriptionStatus } from "../client/interface.js";
import { type DocumentStatus, openDocument, type RemoteCursor, type SharedDocument } from "../documents/index.js";
import type { RealtimeError } from "../errors.js";
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

export interface ChannelOptions {
  /** Called with a gap in the events, with a refusal, and with what ended the subscription. */
  readonly onError?: (error: RealtimeError) => void;
  /** Begin with so many of the last events, 1 to 100. */
  readonly last?: number;
}

/** Subscribe to a channel while the component is there; `undefined` subscribes to none. */
export function useChannel(
  channel: string | undefined,
  onMessage: (message: ServerMessage) => void,
  options: ChannelOptions = {},
): { readonly status: SubscriptionStatus; readonly error: RealtimeError | undefined } {
  const client = useClient();
  const latest = useRef({ onMessage, options });
  useEffect(() => {
    latest.current = { onMessage, options };
  });
  const [state, setState] = useState<{ status: SubscriptionStatus; error: RealtimeError | undefined }>(WAITING);
  const { last } = options;
  useEffect(() => {
    if (!client || channel === undefined) {
      return undefined;
    }
    setState(WAITING);
    const more: SubscribeOptions = last === undefined ? {} : { last };
    const subscription = client.subscribe(
      channel,
      {
        onMessage: (message) => latest.current.onMessage(message),
        onError: (error) => {
          setState({ status: subscription.status, error });
          latest.current.options.onError?.(error);
        },
      },
      more,
    );
    let isOver = false;
    subscription.ready().then(
      () => isOver || setState({ status: subscription.status, error: undefined }),
      () => isOver || setState((was) => ({ ...was, status: "ended" })),
    );
    return () => {
      isOver = true;
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
    const subscription = client.subscribe(channel, { onPresence: setPresence, onError: () => setPresence(NOBODY) });
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

/** Open a document while the component is there; what waits is saved before it is closed. */
export function useDocument(id: string | undefined): DocumentView {
  const client = useClient();
  const [view, setView] = useState(NO_DOCUMENT);
  useEffect(() => {
    if (!client || id === undefined) {
      return undefined;
    }
    const document = openDocument(client, id);
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
      void document.flush().finally(() => document.close());
    };
  }, [client, id]);
  return view;
}
