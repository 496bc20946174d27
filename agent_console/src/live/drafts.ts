/** Words that were not sent yet, kept for each agent and conversation: on this device, and messages also in the hub. */
import { customRef, onScopeDispose, ref, shallowRef, watch, type Ref } from "vue";
import { ApiError, get, put, remove, type AttachmentView } from "@/api/rest";
import { Keeping, type KeepState, type Local, type Stored } from "./keeping";
import { useSession } from "./session";
import { useLive } from "./store";

const PREFIX = "cch.draft.";
const KEPT = 60;
const memory = new Map<string, string>();

function read(key: string): string {
  try {
    return localStorage.getItem(PREFIX + key) ?? memory.get(key) ?? "";
  } catch {
    return memory.get(key) ?? "";
  }
}

function write(key: string, text: string): void {
  memory.set(key, text);
  try {
    if (text) localStorage.setItem(PREFIX + key, text);
    else localStorage.removeItem(PREFIX + key);
  } catch {
    forgetSome();
  }
}

/** Storage is full or forbidden: drop other drafts rather than this one. */
function forgetSome(): void {
  try {
    const old = Object.keys(localStorage).filter((k) => k.startsWith(PREFIX));
    for (const key of old.slice(0, Math.max(0, old.length - KEPT))) localStorage.removeItem(key);
  } catch {
    // Forbidden: memory has it.
  }
}

/** The draft under `name()`, which may change as another conversation is chosen. */
export function useDraft(name: () => string): Ref<string> {
  const session = useSession();
  const key = (): string => `${session.me?.agent_id ?? ""}.${name()}`;
  return customRef((track, trigger) => ({
    get() {
      track();
      return read(key());
    },
    set(text: string) {
      write(key(), text);
      trigger();
    },
  }));
}

/** What the hub keeps of a message that is being written; the rest of `T` stays on this device. */
export interface DraftBody {
  text: string;
  html: string;
  subject: string;
  to: string[];
  cc: string[];
  bcc: string[];
  attachments: AttachmentView[];
  mode: string;
}

export const EMPTY_DRAFT: DraftBody = { text: "", html: "", subject: "", to: [], cc: [], bcc: [], attachments: [], mode: "" };
const FIELDS = Object.keys(EMPTY_DRAFT) as (keyof DraftBody)[];
/** More than the hub takes stays on this device alone. */
const MOST_LETTERS = 500_000;

export interface KeptDraft<T extends DraftBody> {
  /** The words as they were found or put back; null: nothing is kept. Typing does not change it. */
  found: Ref<T | null>;
  state: Ref<KeepState>;
  write(body: T): void;
  /** See `Keeping.sealed`. */
  sealed(): () => void;
}

/** The agent's draft of a reply or note, in the hub and on this device. `replaced` hears who lost words to a newer draft. */
export function useKeptDraft<T extends DraftBody>(
  interactionId: () => string,
  kind: () => "reply" | "note",
  blank: T,
  worth: (body: T) => boolean,
  replaced: (lost: T, ours: boolean) => void,
): KeptDraft<T> {
  const session = useSession();
  const live = useLive();
  const found = shallowRef<T | null>(null) as Ref<T | null>;
  const state = ref<KeepState>("");
  let keeping: Keeping<T> | null = null;

  function keep(id: string, which: string): Keeping<T> {
    const key = `${session.me?.agent_id ?? ""}.${id}.${which}.kept`;
    const path = `interactions/${encodeURIComponent(id)}/draft/${which}`;
    let mine = true;
    const one = new Keeping<T>(
      {
        now: () => Date.now() + live.hubOffset,
        after: (ms, what) => {
          const timer = setTimeout(what, ms);
          return () => clearTimeout(timer);
        },
        recall: () => recalled<T>(key),
        remember: (local) => write(key, local ? JSON.stringify(local) : ""),
        fetch: () => fetched(path, blank),
        store: async (body) => put(path, inHub(body)),
        erase: () => remove(path),
        changed: (body) => mine && (found.value = body),
        state: (next) => mine && (state.value = next),
        replaced: (lost, ours) => mine && replaced(lost, ours),
      },
      worth,
    );
    stopped = () => (mine = false);
    return one;
  }
  let stopped = (): unknown => undefined;

  watch(
    [interactionId, kind],
    ([id, which]) => {
      const before = keeping;
      stopped();
      void before?.close();
      found.value = null;
      state.value = "";
      keeping = keep(id, which);
      void keeping.look();
    },
    { immediate: true, flush: "sync" },
  );
  const looked = (): void => void (document.hidden ? keeping?.flush() : keeping?.look());
  document.addEventListener("visibilitychange", looked);
  watch(() => live.live, (now) => now && void keeping?.look());
  onScopeDispose(() => {
    document.removeEventListener("visibilitychange", looked);
    void keeping?.close();
    stopped();
  });
  return {
    found,
    state,
    write: (body) => keeping?.write(body),
    sealed: () => keeping?.sealed() ?? (() => undefined),
  };
}

function recalled<T>(key: string): Local<T> | null {
  try {
    return JSON.parse(read(key) || "null") as Local<T> | null;
  } catch {
    return null;
  }
}

async function fetched<T extends DraftBody>(path: string, blank: T): Promise<Stored<T> | null> {
  try {
    const got = await get<(Partial<DraftBody> & { body?: Partial<DraftBody>; updated_at: number }) | null | undefined>(path);
    return got?.updated_at ? { body: { ...blank, ...inHub({ ...blank, ...(got.body ?? got) }) }, updated_at: got.updated_at } : null;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  }
}

function inHub(body: DraftBody): DraftBody {
  const kept = Object.fromEntries(FIELDS.map((name) => [name, body[name]])) as unknown as DraftBody;
  if (JSON.stringify(kept).length > MOST_LETTERS) throw new ApiError(413, "too_large", "");
  return kept;
}
