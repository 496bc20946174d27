/** Staffing, estimates and fairness as the hub's routes answer them (docs/staffing.md). */
import type { Medium } from "./rest";

/** What so many agents mean; `average_wait_s` is null where they never catch up. */
export interface StaffingLine {
  agents: number;
  service_level: number;
  average_wait_s: number | null;
  abandoned: number;
  occupancy: number;
  /** The same, if nobody ever gave up. */
  patient_level: number;
}

/** What one model says of who is there: who finds everybody busy is turned away (b), waits for ever (c), gives up (a). */
export interface StaffingModel {
  name: "b" | "c" | "a";
  waits: number;
  service_level: number;
  average_wait_s: number | null;
  lost: number;
  occupancy: number;
  needed: number | null;
}

export interface Target {
  share: number;
  within_s: number;
}

export interface Staffing {
  queue: string;
  name: string;
  medium: Medium;
  coming: { now: number; usual: number | null; expected: number; seen: number };
  handling_s: number;
  /** null: they wait for ever. */
  patience_s: number | null;
  agents: number;
  places: number;
  target: Target;
  now: StaffingLine;
  more: StaffingLine;
  fewer: StaffingLine | null;
  needed: number | null;
  on_schedule: number | null;
  handled: number;
  abandoned: number;
  missing: number;
  lines: StaffingLine[];
  models: StaffingModel[];
}

export interface Pause {
  queue: string;
  medium: Medium;
  before: StaffingLine;
  after: StaffingLine;
  late: number;
  target: Target;
  missing: number;
}

export interface EstimateQuality {
  queue: string;
  medium: Medium;
  estimates: number;
  answered: number;
  free: number;
  unserved: number;
  bias_ms: number | null;
  mae_ms: number | null;
  within_p50: number | null;
  within_p90: number | null;
  calibrated: boolean | null;
  missing: number;
  enough: number;
  curve: { expected: number; found: number | null }[];
}

export type LevelVariant =
  | "answered_of_offered" | "answered_of_met" | "answered_without_short" | "removed_of_offered" | "met_in_time" | "answered_of_answered";

export interface ServiceLevels {
  since: number;
  until: number;
  within_ms: number;
  short_ms: number;
  counts: { offered: number; answered: number; answered_within: number; abandoned: number; abandoned_within: number; short: number; left: number; left_within: number };
  levels: { variant: LevelVariant; formula: string; good: number; of: number; share: number | null }[];
}

export interface FairShare {
  agent_id: string;
  name: string;
  offers: number;
  accepted: number;
  rejected: number;
  missed: number;
  handled: number;
  there_ms: number;
  away_ms: number;
  busy_ms: number;
  occupancy: number | null;
  work_share: number;
  presence_share: number;
}

export interface FairShares {
  since: number;
  until: number;
  gini: number;
  agents: FairShare[];
}
