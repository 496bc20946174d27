/** Which telephone rings for this agent, and the one in the browser where the hub gives a token for it. */
import { defineStore } from "pinia";
import { computed, ref, shallowRef, watch } from "vue";
import type { WorkView } from "@/api/generated/wire";
import { get, type Phone } from "@/api/rest";
import { spaced } from "@/i18n/numbers";
import { useSession } from "./session";
import type { Softphone, SoftphoneListener } from "./softphone";
import { useLive } from "./store";
import type { PhoneTrouble } from "./trouble";

export type PhoneState = "unknown" | "desk" | "starting" | "ready" | "ringing" | "talking" | "away" | "trouble";

const EXPECTED_MS = 45_000;
const AGAIN_MS = 10_000;
const KEPT = "cch.audio.";

/**
 * The hub rings this phone for a call that was taken already, or that the agent has just asked for: it is answered
 * by itself. Any other ring (a colleague asks for advice) waits for the person. Pure.
 */
export function isExpected(work: readonly Pick<WorkView, "call" | "state">[], askedAt: number, now: number): boolean {
  return now - askedAt < EXPECTED_MS || work.some((w) => w.state === "assigned" && (w.call === "connecting" || w.call === "ringing"));
}

function remembered(kind: "in" | "out"): string {
  try {
    return localStorage.getItem(KEPT + kind) ?? "";
  } catch {
    return "";
  }
}

export const usePhone = defineStore("phone", () => {
  const session = useSession();
  const live = useLive();
  const info = shallowRef<Phone | null>(null);
  const registered = ref(false);
  const ringing = ref("");
  const talking = ref(false);
  const trouble = ref<PhoneTrouble | "">("");
  const told = ref("");
  const loading = ref(false);
  const chosen = ref({ in: remembered("in"), out: remembered("out") });
  let softphone: Softphone | null = null;
  let askedAt = 0;
  let renewing: ReturnType<typeof setTimeout> | undefined;

  /** Where calls ring, without the scheme that only machines need. */
  /** Empty for a browser's telephone that is not this page: its name says little to a person. */
  const rings = computed(() => {
    const address = info.value?.address ?? "";
    return address.startsWith("client:") ? "" : spaced(address.replace(/^sip:/, ""));
  });
  const browser = computed(() => !!info.value?.token);
  const state = computed<PhoneState>(() => {
    if (!info.value) return "unknown";
    if (!browser.value) return "desk";
    if (talking.value) return "talking";
    if (ringing.value) return "ringing";
    if (trouble.value) return "trouble";
    if (loading.value) return "starting";
    return registered.value ? "ready" : "away";
  });

  const listener: SoftphoneListener = {
    registered: (yes) => {
      registered.value = yes;
      if (yes) trouble.value = "";
    },
    rings: (from) => {
      ringing.value = from || "?";
      if (isExpected(live.work, askedAt, Date.now())) answer();
    },
    talking: (yes) => {
      talking.value = yes;
      ringing.value = "";
      if (yes) trouble.value = "";
    },
    muted: () => undefined,
    trouble: (what, message) => {
      trouble.value = what;
      told.value = message;
      // A token that is refused at once would be fetched without end.
      if (what === "token") later();
    },
    ending: () => void renew(),
  };

  // The ring may be quicker than the announcement that explains it.
  watch(
    () => live.work,
    (work) => ringing.value && isExpected(work, askedAt, Date.now()) && answer(),
  );
  // Mute and keys that were done elsewhere (another tab, the hub) hold for the microphone too.
  watch(
    () => live.work.find((w) => w.call === "connected" && w.state === "assigned")?.line?.muted ?? false,
    (on) => softphone?.mute(on),
  );

  async function start(): Promise<void> {
    if (!session.me?.agent_id) return;
    const mine = session.me.id;
    try {
      const got = await get<Phone>("phone");
      if (session.me?.id !== mine) return;
      info.value = got;
    } catch {
      return;
    }
    if (info.value.token && !softphone) await open(info.value.token);
  }

  async function open(token: string): Promise<void> {
    loading.value = true;
    try {
      const { Softphone } = await import("./softphone");
      softphone = new Softphone(token, listener);
      await softphone.start();
      for (const kind of ["in", "out"] as const) {
        if (chosen.value[kind]) await softphone.use(kind, chosen.value[kind]).catch(() => undefined);
      }
    } catch (error) {
      trouble.value = "failed";
      told.value = (error as Error).message;
    } finally {
      loading.value = false;
    }
  }

  async function renew(): Promise<void> {
    clearTimeout(renewing);
    renewing = undefined;
    try {
      const next = await get<Phone>("phone");
      info.value = next;
      if (next.token) softphone?.renew(next.token);
    } catch {
      later();
    }
  }
  function later(): void {
    renewing ??= setTimeout(() => void renew(), AGAIN_MS);
  }

  /** This agent asked for a call: their own phone rings first, and is answered by itself. */
  function expect(): void {
    askedAt = Date.now();
  }

  function answer(): void {
    askedAt = 0;
    softphone?.answer();
  }

  async function use(kind: "in" | "out", id: string): Promise<void> {
    chosen.value = { ...chosen.value, [kind]: id };
    try {
      localStorage.setItem(KEPT + kind, id);
    } catch {
      // Lasts as long as the page.
    }
    await softphone?.use(kind, id);
  }

  async function again(): Promise<void> {
    stop();
    await start();
  }

  function stop(): void {
    clearTimeout(renewing);
    renewing = undefined;
    softphone?.stop();
    softphone = null;
    info.value = null;
    registered.value = talking.value = false;
    ringing.value = trouble.value = told.value = "";
  }

  return {
    info, rings, state, browser, trouble, told, ringing, chosen, start, stop, again, use, expect, answer,
    decline: () => softphone?.decline(),
    mute: (on: boolean) => softphone?.mute(on),
    keys: (digits: string) => softphone?.keys(digits),
  };
});
