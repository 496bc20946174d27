import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { WebSocket as Client, WebSocketServer, type WebSocket as ServerSide } from "ws";
import type { DeskState } from "@/api/generated/wire";
import type { Announcement } from "@/live/apply";
import { CommandError, LiveSocket, type Listener, type Ports, type SocketLike, type Status } from "@/live/socket";

const AGENT = {
  id: "ag", name: "Mei", role: "agent", state: "ready", chosen: "ready", reason: "", since_at: 1, load: {}, capacity: {}, skills: {}, most: 0, most_of: {}, labelled: {}, capacity_by: "",
} as const;
const desk = (seq: number): DeskState => ({ seq, agent: AGENT, offers: [], work: [] });
const over = (id: string): Announcement => ({ kind: "offer.over", offer_id: id, interaction_id: "i", outcome: "expired", by: "" });

type Frame = Record<string, unknown> & { type: string };

/** The hub's end of one connection: reads frames in order, says frames. */
class HubEnd {
  private readonly got: Frame[] = [];
  private waiting: (() => void) | null = null;
  constructor(private readonly socket: ServerSide) {
    socket.on("message", (data) => {
      this.got.push(JSON.parse(String(data)) as Frame);
      this.waiting?.();
    });
  }
  say(frame: object): void {
    this.socket.send(JSON.stringify(frame));
  }
  hello(seq: number, more: object = {}): void {
    this.say({ type: "hello", epoch: "e", heartbeat_ms: 25_000, agent_id: "ag", seq, now: 5_000, ...more });
  }
  announce(seq: number, id = `o${seq}`): void {
    this.say({ type: "announce", seq, at: 1, body: over(id) });
  }
  /** The next frame of that type; pings are answered by nobody here and skipped. */
  async next(type: string): Promise<Frame> {
    for (;;) {
      const at = this.got.findIndex((frame) => frame.type === type);
      if (at >= 0) return this.got.splice(at, 1)[0]!;
      await new Promise<void>((resolve) => (this.waiting = resolve));
    }
  }
  has(type: string): boolean {
    return this.got.some((frame) => frame.type === type);
  }
  close(code: number): void {
    this.socket.close(code);
  }
  cut(): void {
    this.socket.terminate();
  }
}

let server: WebSocketServer;
let ends: HubEnd[];
let arrived: (() => void)[];
let timers: { ms: number; what: () => void; live: boolean }[];
let now: number;
let signedIn: boolean;
let socket: LiveSocket;
let told: { statuses: Status[]; desks: [number, string | null][]; offset: number; channels: string[]; waiters: (() => void)[] };

async function connection(): Promise<HubEnd> {
  while (!ends.length) await new Promise<void>((resolve) => arrived.push(resolve));
  return ends.shift()!;
}

async function until(true_: () => boolean): Promise<void> {
  while (!true_()) await new Promise<void>((resolve) => told.waiters.push(resolve));
}
const status = (): Status["name"] | undefined => told.statuses.at(-1)?.name;

/** Time is the test's: the timer that was set for `ms` goes off now. */
function fire(match: (ms: number) => boolean): void {
  const timer = timers.find((one) => one.live && match(one.ms));
  if (!timer) throw new Error(`no such timer among ${timers.filter((o) => o.live).map((o) => o.ms)}`);
  timer.live = false;
  now += timer.ms;
  timer.what();
}
const isRetry = (ms: number): boolean => ms !== 25_000 && ms !== 5_000;

beforeEach(async () => {
  server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  await once(server, "listening");
  ends = [];
  arrived = [];
  timers = [];
  now = 1_000;
  signedIn = true;
  told = { statuses: [], desks: [], offset: 0, channels: [], waiters: [] };
  server.on("connection", (one) => {
    ends.push(new HubEnd(one));
    arrived.splice(0).forEach((go) => go());
  });
  const wake = (): void => told.waiters.splice(0).forEach((go) => go());
  const listener: Listener = {
    status: (next) => (told.statuses.push(next), wake()),
    desk: (next, body) => (told.desks.push([next.seq, body?.kind ?? null]), wake()),
    floor: () => wake(),
    typing: () => wake(),
    channel: (health) => (told.channels.push(health.name), wake()),
    clock: (offset) => (told.offset = offset),
  };
  let ids = 0;
  const ports: Ports = {
    open: () => {
      const made = new Client(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
      // In a browser nobody must listen for this.
      made.on("error", () => undefined);
      return made as unknown as SocketLike;
    },
    now: () => now,
    random: () => 1,
    newId: () => `c${++ids}`,
    after: (ms, what) => {
      const timer = { ms, what, live: true };
      timers.push(timer);
      return () => (timer.live = false);
    },
    signedIn: () => Promise.resolve(signedIn),
  };
  socket = new LiveSocket(ports, listener);
  socket.start();
});

afterEach(async () => {
  socket.stop();
  for (const one of server.clients) one.terminate();
  await new Promise((resolve) => server.close(resolve));
});

async function liveAt(seq: number): Promise<HubEnd> {
  const hub = await connection();
  hub.hello(seq);
  await hub.next("snapshot");
  hub.say({ type: "snapshot", state: desk(seq) });
  await until(() => status() === "live");
  return hub;
}

describe("the live socket", () => {
  it("takes a snapshot first and is live with it", async () => {
    await liveAt(7);
    expect(told.desks).toEqual([[7, null]]);
    expect(told.offset).toBe(4_000);
  });

  it("applies announcements in order and ignores one that it has", async () => {
    const hub = await liveAt(7);
    hub.announce(8);
    hub.announce(8);
    hub.announce(9);
    await until(() => told.desks.length === 3);
    expect(told.desks.map(([seq]) => seq)).toEqual([7, 8, 9]);
  });

  it("asks for what is missing when a number is skipped, once", async () => {
    const hub = await liveAt(7);
    hub.announce(10);
    hub.announce(11);
    expect(await hub.next("resume")).toMatchObject({ after: 7 });
    for (const seq of [8, 9, 10, 11]) hub.announce(seq);
    await until(() => told.desks.at(-1)?.[0] === 11);
    expect(hub.has("resume")).toBe(false);
    expect(told.desks.map(([seq]) => seq)).toEqual([7, 8, 9, 10, 11]);
  });

  it("takes a snapshot when nobody fills a gap", async () => {
    const hub = await liveAt(7);
    hub.announce(9);
    await hub.next("resume");
    fire((ms) => ms === 5_000);
    await hub.next("snapshot");
    hub.say({ type: "snapshot", state: desk(9) });
    await until(() => told.desks.at(-1)?.[0] === 9);
  });

  it("resumes after its last number when it comes back, and is live only when it has caught up", async () => {
    (await liveAt(7)).cut();
    await until(() => status() === "waiting");
    fire(isRetry);
    const again = await connection();
    again.hello(9);
    expect(await again.next("resume")).toMatchObject({ after: 7 });
    again.announce(8);
    await until(() => told.desks.at(-1)?.[0] === 8);
    expect(status()).toBe("catching_up");
    again.announce(9);
    await until(() => status() === "live");
    expect(again.has("snapshot")).toBe(false);
  });

  it("takes the fresh snapshot that follows a resync", async () => {
    (await liveAt(7)).cut();
    await until(() => status() === "waiting");
    fire(isRetry);
    const again = await connection();
    again.hello(3000);
    await again.next("resume");
    again.say({ type: "resync" });
    again.say({ type: "snapshot", state: desk(3000) });
    await until(() => status() === "live");
    expect(told.desks.at(-1)).toEqual([3000, null]);
  });

  it("takes a snapshot and does not resume when the desk is another agent's", async () => {
    (await liveAt(7)).cut();
    await until(() => status() === "waiting");
    fire(isRetry);
    const again = await connection();
    again.hello(2, { agent_id: "other" });
    await again.next("snapshot");
    expect(again.has("resume")).toBe(false);
  });

  it("waits longer after each failure, up to fifteen seconds", async () => {
    const waits: number[] = [];
    for (let n = 0; n < 7; n += 1) {
      (await connection()).cut();
      await until(() => status() === "waiting");
      const last = told.statuses.at(-1) as Extract<Status, { name: "waiting" }>;
      waits.push(last.retryAt - now);
      fire(isRetry);
    }
    expect(waits).toEqual([500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000]);
  });

  it("comes back after the time that a draining hub asked for", async () => {
    const hub = await liveAt(7);
    hub.say({ type: "drain", retry_after_ms: 3_000 });
    hub.close(1012);
    await until(() => status() === "waiting");
    const last = told.statuses.at(-1) as Extract<Status, { name: "waiting" }>;
    expect(last.reason).toBe("drain");
    expect(last.retryAt - now).toBeGreaterThanOrEqual(3_000);
  });

  it.each([4401, 4403])("ends at close code %i and does not come back", async (code) => {
    const hub = await liveAt(7);
    const answer = socket.command("note", {});
    await hub.next("command");
    hub.close(code);
    await expect(answer).rejects.toMatchObject({ code: "session_ended" });
    expect(status()).toBe("ended");
    expect(timers.some((one) => one.live && isRetry(one.ms))).toBe(false);
  });

  it("ends when it was refused before the hello and nobody is signed in", async () => {
    signedIn = false;
    (await connection()).cut();
    await until(() => status() === "ended");
  });

  it("gives the value of a command to whoever asked, and a refusal as an error with its code", async () => {
    const hub = await liveAt(7);
    const accepted = socket.command("accept", { offer_id: "o" });
    const refused = socket.command("accept", { offer_id: "gone" });
    const [one, two] = [await hub.next("command"), await hub.next("command")];
    expect(one).toMatchObject({ name: "accept", args: { offer_id: "o" } });
    hub.say({ type: "result", id: two["id"], ok: false, error: { code: "offer_gone", message: "over" } });
    hub.say({ type: "result", id: one["id"], ok: true, value: { interaction_id: "i" } });
    await expect(accepted).resolves.toEqual({ interaction_id: "i" });
    await expect(refused).rejects.toEqual(new CommandError("offer_gone", "over"));
  });

  it("repeats a command without an answer under the same id, and sends what was asked meanwhile", async () => {
    const hub = await liveAt(7);
    const sent = socket.command("reply", { text: "hello" });
    const first = await hub.next("command");
    hub.cut();
    await until(() => status() === "waiting");
    const later = socket.command("note", { text: "meanwhile" });
    fire(isRetry);
    const again = await connection();
    again.hello(7);
    const [same, other] = [await again.next("command"), await again.next("command")];
    expect(same).toEqual(first);
    expect(other).toMatchObject({ name: "note" });
    for (const frame of [same, other]) again.say({ type: "result", id: frame["id"], ok: true, value: frame["name"] });
    await expect(sent).resolves.toBe("reply");
    await expect(later).resolves.toBe("note");
  });

  it("watches the floor again after coming back", async () => {
    const hub = await liveAt(7);
    socket.watchFloor(true);
    await hub.next("watch");
    hub.cut();
    await until(() => status() === "waiting");
    fire(isRetry);
    const again = await connection();
    again.hello(7);
    expect(await again.next("watch")).toMatchObject({ what: "floor" });
  });

  it("answers a ping, and leaves a line that has been silent for two heartbeats", async () => {
    const hub = await liveAt(7);
    hub.say({ type: "ping" });
    await hub.next("pong");
    fire((ms) => ms === 25_000);
    expect(status()).toBe("live");
    fire((ms) => ms === 25_000);
    expect(status()).toBe("waiting");
  });

  it("is live at the hello for somebody who answers nobody", async () => {
    const hub = await connection();
    hub.hello(0, { agent_id: null });
    await until(() => status() === "live");
    expect(told.desks).toEqual([]);
  });

  it("keeps nothing of a desk when it is stopped and started again", async () => {
    await liveAt(7);
    const waiting = socket.command("note", {});
    socket.stop();
    await expect(waiting).rejects.toMatchObject({ code: "session_ended" });
    socket.start();
    const again = await connection();
    again.hello(7);
    await again.next("snapshot");
    expect(again.has("resume")).toBe(false);
    expect(again.has("command")).toBe(false);
  });

  it("is not disturbed by frames that it does not understand", async () => {
    const hub = await liveAt(7);
    hub.say({ type: "weather", wind: 7 });
    hub.say({ type: "error", code: "not_understood", message: "" });
    hub.say({ type: "channel", name: "sms", state: "off", reason: "" });
    await until(() => told.channels.length === 1);
    expect(status()).toBe("live");
  });
});
