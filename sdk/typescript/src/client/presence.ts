import type {
  HeldLock,
  LockStateMessage,
  PresenceJoinMessage,
  PresenceLeaveMessage,
  PresenceUpdateMessage,
  PresentUser,
  Roster,
} from "../protocol.js";
import type { PresenceState } from "./interface.js";

export type PresenceChange = PresenceJoinMessage | PresenceLeaveMessage | PresenceUpdateMessage | LockStateMessage;

export const NOBODY: PresenceState = { count: 0, users: [], truncated: false, locks: [] };

/** The state of a snapshot. */
export function presenceOf(roster: Roster): PresenceState {
  const users = roster.users.map((user) => complete(user));
  return { count: roster.count, users, truncated: roster.truncated ?? false, locks: roster.locks ?? [] };
}

/** The state after a change: a new one, or the same where it changes nothing. */
export function presenceAfter(state: PresenceState, change: PresenceChange): PresenceState {
  const { users } = state;
  switch (change.type) {
    case "presence_join": {
      const user = complete(change.payload);
      const known = users.some((each) => each.user_id === user.user_id);
      return known
        ? withUsers(state, users.map((each) => (each.user_id === user.user_id ? user : each)), state.count)
        : withUsers(state, [...users, user], state.count + 1);
    }
    case "presence_leave": {
      const left = users.filter((each) => each.user_id !== change.payload.user_id);
      // A user beyond the cut of the list is counted, but not known by name.
      if (left.length < users.length) return withUsers(state, left, state.count - 1);
      return state.count > users.length ? { ...state, count: state.count - 1 } : state;
    }
    case "presence_update": {
      const said = change.payload;
      if (!users.some((each) => each.user_id === said.user_id)) return state;
      const after = users.map((each) => (each.user_id === said.user_id ? complete({ ...each, ...present(said) }) : each));
      return withUsers(state, after, state.count);
    }
    case "lock_state": {
      const { field, user_id, name, expires_in } = change.payload;
      const locks: HeldLock[] = state.locks.filter((lock) => lock.field !== field);
      if (user_id) locks.push({ field, user_id, name: name ?? user_id, expires_in: expires_in ?? 0 });
      return { ...state, locks };
    }
  }
}

function withUsers(state: PresenceState, users: readonly PresentUser[], count: number): PresenceState {
  return { ...state, users, count, truncated: state.truncated && count > users.length };
}

function present(said: PresenceUpdateMessage["payload"]): Partial<PresentUser> {
  const known = Object.entries(said).filter(([name, value]) => value !== undefined && (value !== null || name === "field"));
  return Object.fromEntries(known) as Partial<PresentUser>;
}

function complete(user: Partial<PresentUser> & Pick<PresentUser, "user_id" | "name">): PresentUser {
  const { user_id, name, role, avatar, status, activity, field } = user;
  return {
    user_id,
    name,
    role: role ?? "",
    avatar: avatar ?? null,
    status: status ?? "online",
    activity: activity ?? "viewing",
    field: field ?? null,
  };
}
