/**
 * The agents' websocket as a state machine: says hello, resumes or takes a snapshot, never shows a gap, comes
 * back by itself, and repeats a command that had no answer under the same id (the hub does nothing twice).
 * The protocol is docs/agent-websocket.md.
 */
import type { DeskState, Floor } from "@/api/generated/wire";
import { apply, type Announcement } from "./apply";

export type ChannelHealth = { name: string; state: "ready" | "degraded" | "off"; reason: string };

export type Frame =
  | { type: "hello"; epoch: unknown; heartbeat_ms: number; agent_id: string | null; seq: number; now: number }
  | { type: "snapshot"; state: DeskState }
  | { type: "announce"; seq: number; at: number; body: Announcement }
  | { type: "resync" }
  | { type: "result"; id: string; ok: true; value: unknown }
  | { type: "result"; id: string; ok: false; error: { code: string; message: string } }
  | { type: "floor"; floor: Floor }
  | { type: "typing"; interaction_id: string; at: number }
  | ({ type: "channel" } & ChannelHealth)
  | { type: "ping" }
  | { type: "pong"; now: number }
  | { type: "drain"; retry_after_ms: number };

/** `live`: the desk is current. `waiting`: the connection is lost, the next try is at `retryAt`. */
export type Status =
  | { name: "idle" }
  | { name: "connecting" }
  | { name: "catching_up" }
  | { name: "live" }
  | { name: "waiting"; retryAt: number; reason: "lost" | "drain" }
  | { name: "ended"; reason: "signed_out" };

export interface Listener {
  status(status: Status): void;
  /** `announced` is null for a snapshot: whatever was derived from announcements must be read again. */
  desk(desk: DeskState, announced: Announcement | null): void;
  floor(floor: Floor): void;
  typing(interactionId: string, at: number): void;
  channel(health: ChannelHealth): void;
  clock(hubOffsetMs: number): void;
}

export interface SocketLike {
  send(text: string): void;
  close(code?: number): void;
  onmessage: ((event: MessageEvent) => void) | null;
  onclose: ((event: CloseEvent) => void) | null;
}

export interface Ports {
  open(): SocketLike;
  now(): number;
  random(): number;
  newId(): string;
  after(ms: number, what: () => void): () => void;
  /** Asked when a connection was refused before its hello: a browser cannot see the HTTP status of that. */
  signedIn(): Promise<boolean>;
}

export class CommandError extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

interface Pending {
  frame: string;
  resolve(value: unknown): void;
  reject(error: CommandError): void;
}

const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 15_000;
const GAP_PATIENCE_MS = 5_000;
const ENDED_BY_HUB = new Set([4401, 4403]);

export class LiveSocket {
  private socket: SocketLike | null = null;
  private desk: DeskState | null = null;
  private heard = false;
  private target = 0;
  private asking = false;
  private attempts = 0;
  private drainMs = 0;
  private heartbeatMs = 25_000;
  private lastHeardAt = 0;
  private pingSentAt = 0;
  private bestRoundTrip = Infinity;
  private watching = false;
  private stopped = true;
  private readonly pending = new Map<string, Pending>();
  private cancelRetry: (() => void) | null = null;
  private cancelBeat: (() => void) | null = null;
  private cancelGap: (() => void) | null = null;

  constructor(
    private readonly ports: Ports,
    private readonly listener: Listener,
  ) {}

  start(): void {
    this.stopped = false;
    this.connect();
  }

  stop(): void {
    this.stopped = true;
    this.cancelRetry?.();
    this.drop();
    this.forget();
    this.listener.status({ name: "idle" });
  }

  /** The network came back, or the person asked: don't wait for the timer. */
  retryNow(): void {
    if (this.stopped || this.socket) return;
    this.cancelRetry?.();
    this.connect();
  }

  /** Resolves with the command's value. While the connection is lost the command waits, and is sent after it. */
  command(name: string, args: Record<string, unknown>): Promise<unknown> {
    if (this.stopped) return Promise.reject(new CommandError("session_ended", "The session ended."));
    const id = this.ports.newId();
    const frame = JSON.stringify({ type: "command", id, name, args });
    return new Promise((resolve, reject) => {
      this.pending.set(id, { frame, resolve, reject });
      if (this.heard) this.socket?.send(frame);
    });
  }

  watchFloor(on: boolean): void {
    this.watching = on;
    if (this.heard) this.send({ type: on ? "watch" : "unwatch", what: "floor" });
  }

  private connect(): void {
    this.cancelRetry = null;
    this.heard = false;
    this.asking = false;
    this.listener.status({ name: "connecting" });
    let socket: SocketLike;
    try {
      socket = this.ports.open();
    } catch {
      return this.comeBack(false);
    }
    this.socket = socket;
    this.lastHeardAt = this.ports.now();
    socket.onmessage = (event) => {
      if (this.socket === socket) this.receive(event.data);
    };
    socket.onclose = (event) => {
      if (this.socket === socket) this.closed(event.code);
    };
    this.beat();
  }

  private receive(data: unknown): void {
    this.lastHeardAt = this.ports.now();
    let frame: Frame;
    try {
      frame = JSON.parse(String(data)) as Frame;
    } catch {
      return;
    }
    switch (frame.type) {
      case "hello":
        return this.greeted(frame);
      case "snapshot":
        return this.replaced(frame.state);
      case "announce":
        return this.announced(frame.seq, frame.body);
      case "resync":
        this.asking = true;
        return;
      case "result":
        return this.answered(frame);
      case "floor":
        return this.listener.floor(frame.floor);
      case "typing":
        return this.listener.typing(frame.interaction_id, frame.at);
      case "channel":
        return this.listener.channel({ name: frame.name, state: frame.state, reason: frame.reason });
      case "ping":
        return this.send({ type: "pong", now: this.ports.now() });
      case "pong":
        return this.timed(frame.now);
      case "drain":
        this.drainMs = frame.retry_after_ms;
        return;
    }
  }

  private greeted(hello: Extract<Frame, { type: "hello" }>): void {
    this.heard = true;
    this.drainMs = 0;
    this.heartbeatMs = hello.heartbeat_ms;
    this.target = hello.seq;
    this.bestRoundTrip = Infinity;
    this.listener.clock(hello.now - this.ports.now());
    this.ping();
    const known = this.desk !== null && this.desk.agent.id === hello.agent_id;
    if (known && this.desk) {
      this.listener.status({ name: "catching_up" });
      this.ask(this.desk.seq !== hello.seq);
    } else {
      this.desk = null;
      this.send({ type: "snapshot" });
    }
    if (this.watching) this.send({ type: "watch", what: "floor" });
    for (const { frame } of this.pending.values()) this.socket?.send(frame);
    // Somebody who answers nobody has no desk to wait for.
    if (hello.agent_id === null || (this.desk && this.desk.seq === hello.seq)) this.current();
  }

  private replaced(state: DeskState): void {
    this.endGap();
    this.desk = state;
    this.listener.desk(state, null);
    this.current();
  }

  private announced(seq: number, body: Announcement): void {
    if (!this.desk) return;
    const next = apply(this.desk, seq, body);
    if (next === "gap") {
      if (!this.asking) this.ask(true);
      return;
    }
    if (next === this.desk) return;
    this.endGap();
    this.desk = next;
    this.listener.desk(next, body);
    if (next.seq >= this.target) this.current();
  }

  private ask(missing: boolean): void {
    this.send({ type: "resume", after: this.desk?.seq ?? 0 });
    this.asking = missing;
    if (!missing) return;
    this.cancelGap?.();
    this.cancelGap = this.ports.after(GAP_PATIENCE_MS, () => this.send({ type: "snapshot" }));
  }

  private endGap(): void {
    this.asking = false;
    this.cancelGap?.();
    this.cancelGap = null;
  }

  private current(): void {
    this.attempts = 0;
    this.listener.status({ name: "live" });
  }

  private answered(result: Extract<Frame, { type: "result" }>): void {
    const waiting = this.pending.get(result.id);
    if (!waiting) return;
    this.pending.delete(result.id);
    if (result.ok) waiting.resolve(result.value);
    else waiting.reject(new CommandError(result.error.code, result.error.message));
  }

  private ping(): void {
    this.pingSentAt = this.ports.now();
    this.send({ type: "ping" });
  }

  /** Half the round trip ago the hub's clock read `hubNow`; the quickest trip of a connection knows best. */
  private timed(hubNow: number): void {
    const now = this.ports.now();
    const trip = now - this.pingSentAt;
    if (!this.pingSentAt || trip > this.bestRoundTrip) return;
    this.bestRoundTrip = trip;
    this.listener.clock(Math.round(hubNow + trip / 2 - now));
  }

  private beat(): void {
    this.cancelBeat?.();
    this.cancelBeat = this.ports.after(this.heartbeatMs, () => {
      if (!this.socket) return;
      if (this.ports.now() - this.lastHeardAt >= 2 * this.heartbeatMs) {
        this.drop();
        return this.comeBack(false);
      }
      if (this.heard) this.ping();
      this.beat();
    });
  }

  private closed(code: number): void {
    const refused = !this.heard;
    this.drop();
    if (this.stopped) return;
    if (ENDED_BY_HUB.has(code)) return this.end();
    this.comeBack(refused);
  }

  private comeBack(refused: boolean): void {
    const backOff = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.attempts);
    this.attempts += 1;
    // Full jitter above a floor: a thousand consoles must not come back in the same instant.
    const wait = this.drainMs + backOff * (0.5 + this.ports.random() / 2);
    const reason = this.drainMs ? "drain" : "lost";
    this.drainMs = 0;
    this.listener.status({ name: "waiting", retryAt: this.ports.now() + wait, reason });
    this.cancelRetry = this.ports.after(wait, () => this.connect());
    if (!refused) return;
    void this.ports.signedIn().then((yes) => {
      if (!yes && !this.stopped && !this.heard) this.end();
    });
  }

  private end(): void {
    this.stopped = true;
    this.cancelRetry?.();
    this.drop();
    this.forget();
    this.listener.status({ name: "ended", reason: "signed_out" });
  }

  private drop(): void {
    const socket = this.socket;
    this.socket = null;
    this.heard = false;
    this.cancelBeat?.();
    this.cancelBeat = null;
    this.endGap();
    if (!socket) return;
    socket.onmessage = socket.onclose = null;
    socket.close();
  }

  /** The next to sign in here may be somebody else: they get a desk of their own, and nothing of what waited. */
  private forget(): void {
    this.desk = null;
    this.attempts = 0;
    for (const waiting of this.pending.values()) {
      waiting.reject(new CommandError("session_ended", "The session ended."));
    }
    this.pending.clear();
  }

  private send(frame: Record<string, unknown>): void {
    this.socket?.send(JSON.stringify(frame));
  }
}
