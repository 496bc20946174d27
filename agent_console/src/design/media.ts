import { shallowRef } from "vue";

function watched(query: string) {
  const list = typeof matchMedia === "undefined" ? null : matchMedia(query);
  const value = shallowRef(list?.matches ?? false);
  list?.addEventListener("change", (event) => (value.value = event.matches));
  return value;
}

/** One column at a time. */
export const narrow = watched("(max-width: 820px)");
/** No room for the customer beside the conversation. */
export const medium = watched("(max-width: 1180px)");
export const systemDark = watched("(prefers-color-scheme: dark)");
