/** Policies on trial: what the hub answers under `routing/trials` and `routing/shadow`. */

export type TrialState = "running" | "done" | "failed";
export type Phase = "reading" | "simulating" | "telling";

export interface TrialBrief {
  id: string;
  kind: "policy" | "experiment";
  by: string;
  began_at: number;
  ended_at: number;
  asked: { first: number; last: number; label: string; policy: string; warnings?: string[] };
  state: TrialState;
  phase: Phase;
  done: number;
  whole: number;
  problem: string;
}

export interface TrialChoices {
  items: TrialBrief[];
  kept: { blocks: number; bytes: number; first_at: number; last_at: number };
  in_force: string;
  time_zone: string;
  versions: { version: string; first_at: number }[];
  experiment: { name: string; share: number; block_ms: number; warm_up_ms: number; began_at: number; version: string; in_force: string } | null;
}

export type Unit = "count" | "share" | "time" | "index";

export interface TrialRow {
  code: string;
  unit: Unit;
  better: "more" | "less" | "";
  values: number[];
  verdict: "better" | "worse" | "";
}

export interface TrialColumn {
  role: "real" | "recorded" | "other";
  label: string;
  policy: string;
}

export interface Compared {
  first: number;
  last: number;
  columns: TrialColumn[];
  queues: { queue: string; target_ms: number; rows: TrialRow[] }[];
  through: { at: number[]; levels: (number | null)[][] };
  waits: { at: number[]; shares: number[][] };
  agents: { id: string; name: string; cases: (number | null)[]; occupancy: (number | null)[] }[];
  differences: Record<"en" | "zh", string[]>;
  assumptions: Record<"en" | "zh", string[]>;
  problems: string[];
}

export interface ExperimentShown {
  name: string;
  a: string;
  b: string;
  blocks: { a: number; b: number };
  cases: { a: number; b: number };
  not_counted: number;
  measured: { code: string; a: number; b: number; difference: { mean: number | null; low: number | null; high: number | null; trials: number }; sure: boolean }[];
}

export interface Trial<Result = Compared | ExperimentShown> extends TrialBrief {
  result: Result | null;
}

export interface ShadowState {
  policy: string;
  counts: Partial<Record<"same" | "other_agent" | "would_wait" | "would_offer", number>>;
  queues: Record<string, Partial<Record<string, number>>>;
  reasons: Record<string, number>;
}
