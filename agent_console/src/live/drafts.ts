/** Words that were not sent yet, kept on this device for each agent and conversation. */
import { customRef, type Ref } from "vue";
import { useSession } from "./session";

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
