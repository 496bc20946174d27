/** Numbers that were called from this device, and the country they mostly were in. */
import { ref } from "vue";

const RECENT = "cch.dialled";
const HOME = "cch.homeCode";
const KEPT = 5;

function load(): string[] {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(RECENT) ?? "[]");
    return Array.isArray(found) ? found.filter((one): one is string => typeof one === "string").slice(0, KEPT) : [];
  } catch {
    return [];
  }
}
export const recent = ref<string[]>(load());

function keep(key: string, text: string): void {
  try {
    localStorage.setItem(key, text);
  } catch {
    // Lasts as long as the page.
  }
}

export function remember(number: string): void {
  recent.value = [number, ...recent.value.filter((one) => one !== number)].slice(0, KEPT);
  keep(RECENT, JSON.stringify(recent.value));
}

let home = "";
export function keepHome(code: string): void {
  home = code;
  keep(HOME, code);
}

/** The calling code to suggest: the last that was called, else what the language makes likely. */
export function homeCode(language: string): string {
  try {
    home ||= localStorage.getItem(HOME) ?? "";
  } catch {
    // Forbidden.
  }
  return home || (language === "zh" ? "86" : "");
}
