/**
 * A draft kept in two places: on this device at once, in the hub a moment later. What is newer counts; who loses words
 * by that is told and can have them back. Everything from outside comes through the ports.
 */

export interface Stored<T> {
  body: T;
  updated_at: number;
}

/** What this device knows: the words, when they were written, and the hub's version that they grew from. */
export interface Local<T> {
  body: T;
  at: number;
  base: number;
  dirty: boolean;
}

export interface KeepingPorts<T> {
  now(): number;
  after(ms: number, what: () => void): () => void;
  recall(): Local<T> | null;
  remember(local: Local<T> | null): void;
  /** Rejects where the hub cannot be reached; null: it has none. */
  fetch(): Promise<Stored<T> | null>;
  store(body: T): Promise<{ updated_at: number }>;
  erase(): Promise<void>;
  changed(body: T | null): void;
  state(state: KeepState): void;
  /** Another device's words replaced these here (`ours`: or these replaced those there). */
  replaced(lost: T, ours: boolean): void;
}

export type KeepState = "" | "saving" | "saved" | "here";

const CALM_MS = 1_200;
const MOST_MS = 3_000;
const AGAIN_MS = 10_000;

export class Keeping<T> {
  private local: Local<T> | null;
  private stopTimer: (() => void) | null = null;
  private dirtySince = 0;
  private flying: Promise<void> | null = null;
  private closed = false;

  constructor(
    private readonly ports: KeepingPorts<T>,
    private readonly worth: (body: T) => boolean,
  ) {
    this.local = ports.recall();
    if (this.local) ports.changed(this.local.body);
    ports.state(this.local ? (this.local.dirty ? "here" : "saved") : "");
  }

  /** What the hub has, if that is newer than what is here. */
  async look(): Promise<void> {
    let theirs: Stored<T> | null;
    const before = this.local?.at;
    try {
      theirs = await this.ports.fetch();
    } catch {
      return;
    }
    if (this.closed) return;
    const { local } = this;
    if (!theirs) {
      // Sent or thrown away on another device; words that were never stored stay.
      if (local && local.base && !local.dirty && local.at === before) this.take(null);
      else if (local?.dirty) this.soon();
      return;
    }
    if (local && theirs.updated_at <= local.base) return void (local.dirty && this.soon());
    if (!local || !local.dirty) return this.take({ body: theirs.body, at: theirs.updated_at, base: theirs.updated_at, dirty: false });
    if (same(local.body, theirs.body)) return this.take({ ...local, base: theirs.updated_at, dirty: false });
    if (theirs.updated_at > local.at) {
      this.take({ body: theirs.body, at: theirs.updated_at, base: theirs.updated_at, dirty: false });
      this.ports.replaced(local.body, false);
    } else {
      this.local = { ...local, base: theirs.updated_at };
      this.ports.replaced(theirs.body, true);
      this.soon();
    }
  }

  /** The agent wrote. */
  write(body: T): void {
    if (!this.worth(body)) {
      if (this.local) void this.drop();
      return;
    }
    this.local = { body, at: this.ports.now(), base: this.local?.base ?? 0, dirty: true };
    this.ports.remember(this.local);
    this.soon();
  }

  /** Stores what is not stored yet, at once. Resolves also where that fails: it is kept here. */
  async flush(): Promise<void> {
    this.stopTimer?.();
    this.stopTimer = null;
    await this.flying;
    if (!this.local?.dirty) return;
    this.flying = this.store(this.local);
    await this.flying;
    this.flying = null;
  }

  /** What is kept now is on its way; once that has arrived, the returned function lets go of it, unless more was written. */
  sealed(): () => void {
    const { local } = this;
    return () => {
      if (this.local === local || !this.local?.dirty) void this.drop();
    };
  }

  /** It was sent, or thrown away. What is on its way to the hub arrives first, so that nothing rises again. */
  async drop(): Promise<void> {
    const stored = !!this.local?.base || !!this.flying;
    this.stopTimer?.();
    this.stopTimer = null;
    this.dirtySince = 0;
    this.local = null;
    this.ports.remember(null);
    this.ports.state("");
    await this.flying;
    if (stored && !this.local) await this.ports.erase().catch(() => undefined);
  }

  /** Nobody looks at it any more: what is here is stored. */
  async close(): Promise<void> {
    await this.flush();
    this.closed = true;
    this.stopTimer?.();
  }

  private take(local: Local<T> | null): void {
    this.local = local;
    this.ports.remember(local);
    this.ports.changed(local?.body ?? null);
    this.ports.state(local ? "saved" : "");
  }

  private soon(delay = CALM_MS): void {
    if (this.closed) return;
    const now = this.ports.now();
    this.dirtySince ||= now;
    this.stopTimer?.();
    const left = Math.max(0, MOST_MS - (now - this.dirtySince));
    this.stopTimer = this.ports.after(delay === CALM_MS ? Math.min(delay, left) : delay, () => void this.flush());
  }

  private async store(local: Local<T>): Promise<void> {
    this.dirtySince = 0;
    this.ports.state("saving");
    try {
      const { updated_at } = await this.ports.store(local.body);
      const meanwhile = this.local !== local;
      if (this.local) this.local = { ...this.local, base: updated_at, dirty: meanwhile };
      this.ports.remember(this.local);
      if (!this.local) return;
      this.ports.state(meanwhile ? "here" : "saved");
      if (meanwhile) this.soon();
    } catch {
      if (!this.local) return;
      this.ports.state("here");
      this.soon(AGAIN_MS);
    }
  }
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);
