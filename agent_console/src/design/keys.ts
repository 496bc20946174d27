/** Single-key shortcuts: the newest handler of a key has the first word; `false` passes it on. */
import { onBeforeUnmount } from "vue";
import { singleKeys } from "./prefs";

type Handler = (event: KeyboardEvent) => boolean | void;
const handlers = new Map<string, Handler[]>();

export function bindKey(key: string, handler: Handler): () => void {
  const list = handlers.get(key) ?? [];
  handlers.set(key, [...list, handler]);
  return () => handlers.set(key, (handlers.get(key) ?? []).filter((h) => h !== handler));
}

/** Binds while the component lives. `mod+k` is ⌘K on a Mac and Ctrl+K elsewhere. */
export function useKeys(keys: Record<string, Handler>): void {
  const unbind = Object.entries(keys).map(([key, handler]) => bindKey(key, handler));
  onBeforeUnmount(() => unbind.forEach((stop) => stop()));
}

function writing(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target.matches("textarea, select")) return true;
  return target.matches("input:not([type=radio]):not([type=checkbox])");
}

export function listenForKeys(): void {
  window.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || event.altKey) return;
    const mod = event.metaKey || event.ctrlKey;
    const inFloating = event.target instanceof HTMLElement && event.target.closest("[role=dialog], [role=menu]");
    if (!mod && (singleKeys.value === "off" || writing(event.target) || inFloating)) return;
    const key = (mod ? "mod+" : "") + (event.key.length === 1 ? event.key.toLowerCase() : event.key);
    for (const handler of [...(handlers.get(key) ?? [])].reverse()) {
      if (handler(event) === false) continue;
      event.preventDefault();
      return;
    }
  });
}
