/** What a person chose for this device. Lasts as long as the page where storage is forbidden. */
import { computed, ref, watch, type Ref } from "vue";
import { systemDark } from "./media";

function kept<T extends string>(key: string, first: T, allowed: readonly T[]): Ref<T> {
  let start = first;
  try {
    const found = localStorage.getItem(key) as T | null;
    if (found && allowed.includes(found)) start = found;
  } catch {
    // Not allowed to remember.
  }
  const value = ref(start) as Ref<T>;
  watch(value, (now) => {
    try {
      localStorage.setItem(key, now);
    } catch {
      // Not allowed to remember.
    }
  });
  return value;
}

export const theme = kept("cch.theme", "system", ["system", "light", "dark"] as const);
export const ringing = kept("cch.ringing", "on", ["on", "off"] as const);
export const singleKeys = kept("cch.singleKeys", "on", ["on", "off"] as const);
/** E-mail is written as plain text. */
export const plainMail = kept("cch.plainMail", "off", ["on", "off"] as const);

export function showTheme(): void {
  watch(
    theme,
    (now) => {
      if (now === "system") delete document.documentElement.dataset["theme"];
      else document.documentElement.dataset["theme"] = now;
    },
    { immediate: true },
  );
}

/** What is seen now, chosen or the system's. */
export const darkNow = computed(() => theme.value === "dark" || (theme.value === "system" && systemDark.value));

export function flipTheme(): void {
  theme.value = darkNow.value ? "light" : "dark";
}
