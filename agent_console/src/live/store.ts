import { defineStore } from "pinia";
import { computed, reactive, ref, shallowRef } from "vue";
import type { AgentView, DeskState, Floor } from "@/api/generated/wire";
import type { Announcement } from "./apply";
import { mergeFloor } from "./floor";
import { tick } from "./now";
import { useSession } from "./session";
import { LiveSocket, type ChannelHealth, type Ports, type Status } from "./socket";

const TYPING_MS = 6_000;

function browserPorts(signedIn: () => Promise<boolean>): Ports {
  return {
    open: () => {
      const scheme = location.protocol === "https:" ? "wss" : "ws";
      return new WebSocket(`${scheme}://${location.host}/agent`);
    },
    now: () => Date.now(),
    random: () => Math.random(),
    newId: () => (crypto.randomUUID ? crypto.randomUUID() : `${Date.now()}-${Math.random().toString(36).slice(2)}`),
    after: (ms, what) => {
      const timer = setTimeout(what, ms);
      return () => clearTimeout(timer);
    },
    signedIn,
  };
}

type Hearer = (announced: Announcement | null, desk: DeskState) => void;

/** The desk as the hub last said it, and the way to tell the hub what to do. */
export const useLive = defineStore("live", () => {
  const session = useSession();
  const desk = shallowRef<DeskState | null>(null);
  const status = shallowRef<Status>({ name: "idle" });
  const floor = shallowRef<Floor | null>(null);
  const channels = reactive(new Map<string, ChannelHealth>());
  const typing = reactive(new Map<string, number>());
  const hubOffset = ref(0);
  const unanswered = ref(0);
  const hearers = new Set<Hearer>();
  let watchers = 0;

  const socket = new LiveSocket(
    browserPorts(() => session.stillSignedIn()),
    {
      status: (next) => {
        status.value = next;
        if (next.name === "ended") session.lost();
      },
      desk: (next, announced) => {
        desk.value = next;
        for (const hear of hearers) hear(announced, next);
      },
      floor: (next) => (floor.value = mergeFloor(floor.value, next)),
      typing: (interactionId, at) => typing.set(interactionId, at),
      channel: (health) => channels.set(health.name, health),
      clock: (offset) => (hubOffset.value = offset),
    },
  );

  if (typeof window !== "undefined") {
    window.addEventListener("online", () => socket.retryNow());
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) socket.retryNow();
    });
  }

  /** The hub's clock, moving once a second. */
  const now = computed(() => tick.value + hubOffset.value);
  const live = computed(() => status.value.name === "live");
  const agent = computed<AgentView | null>(() => desk.value?.agent ?? null);
  const offers = computed(() => desk.value?.offers ?? []);
  const work = computed(() => desk.value?.work ?? []);
  const troubled = computed(() => [...channels.values()].filter((c) => c.state !== "ready"));
  /** Well, and with something to tell: that it catches up after an outage. */
  const telling = computed(() => [...channels.values()].filter((c) => c.state === "ready" && c.reason));

  function isTyping(interactionId: string): boolean {
    const at = typing.get(interactionId);
    return at !== undefined && now.value - at < TYPING_MS;
  }

  /** Resolves with the command's value, or rejects with `CommandError`. */
  async function command<T>(name: string, args: Record<string, unknown>): Promise<T> {
    unanswered.value += 1;
    try {
      return (await socket.command(name, args)) as T;
    } finally {
      unanswered.value -= 1;
    }
  }

  /** Be told of every announcement (null: a fresh snapshot). Returns the way to stop. */
  function hear(what: Hearer): () => void {
    hearers.add(what);
    return () => hearers.delete(what);
  }

  function watchFloor(): () => void {
    watchers += 1;
    if (watchers === 1) socket.watchFloor(true);
    return () => {
      watchers -= 1;
      if (watchers > 0) return;
      socket.watchFloor(false);
      floor.value = null;
    };
  }

  function stop(): void {
    socket.stop();
    desk.value = null;
    floor.value = null;
    channels.clear();
    typing.clear();
  }

  return {
    desk, status, floor, channels, troubled, telling, now, live, agent, offers, work, unanswered, hubOffset,
    isTyping, command, hear, watchFloor, start: () => socket.start(), stop, retryNow: () => socket.retryNow(),
  };
});
