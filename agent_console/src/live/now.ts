import { shallowRef } from "vue";

/** This device's clock, moved once a second for everybody who shows a clock. */
export const tick = shallowRef(Date.now());

if (typeof window !== "undefined") {
  setInterval(() => (tick.value = Date.now()), 1000);
}
