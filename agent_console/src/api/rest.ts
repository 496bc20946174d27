/**
 * The hub's REST: what the console reads beside the socket (docs/agent-websocket.md, "Reading"). Shapes that the
 * hub's dataclasses have are generated; these are the answers that only the routes make.
 */
import type { AgentView, AttachmentView, CustomerBrief, EventView, OfferView, Past, QueueView } from "./generated/wire";

export type Role = AgentView["role"];
export type Medium = OfferView["medium"];
export type CaseStatus = Past["case_status"];

export interface Me {
  id: string;
  name: string;
  email: string;
  role: Role;
  locale: string;
  agent_id: string | null;
}

export interface Named {
  id: string;
  name: string;
  name_zh?: string;
}

export interface ConsoleSettings {
  queues: (Named & { pick?: boolean })[];
  dispositions: (Named & { case_status: CaseStatus })[];
  /** What cases may be about; empty where recognition is off. */
  intents?: Named[];
  /** Codes of the languages that a case may be said to be in; empty where nobody looks at them. */
  languages?: string[];
  reasons: Named[];
  heartbeat_ms: number;
  time_zone: string;
}

export interface Page<T> {
  items: T[];
  next: string | number | null;
}

export interface CaseItem {
  id: number;
  number?: string;
  subject: string;
  status: CaseStatus;
  customer: { id: string; name: string; point?: string } | null;
  opened_at: number;
  updated_at: number;
  agent_name: string | null;
}

/** An interaction's record: a fold over its events, of which the console uses these fields. */
export interface InteractionItem {
  id?: string;
  interaction_id?: string;
  case_id: number;
  medium: Medium;
  state: string;
  queue: string;
  subject?: string;
  preview?: string;
  virtual_enqueued_at?: number | null;
  started_at?: number;
  customer: CustomerBrief | null;
  direction?: string;
  skills?: Record<string, number>;
  /** What was recognised, and what people say of it instead. */
  recognised?: Partial<Recognised>;
  intent?: string | null;
  language_said?: string | null;
}

export interface CustomerItem {
  id: string;
  name: string;
  points: { kind: string; value: string }[];
  first_seen_at: number;
  history?: Past[];
  open_cases?: number[];
}

export interface CaseWhole {
  case: CaseItem;
  customer: CustomerItem;
  interactions: InteractionItem[];
}

export interface DecisionReason {
  code: string;
  values?: Record<string, string | number>;
}

export interface Candidate {
  agent_id: string;
  agent_name: string;
  eligible: boolean;
  rank: number | null;
  reasons: DecisionReason[];
  terms?: Record<string, number | string>;
}

export interface Decision {
  id: string;
  at: number;
  interaction_id: string;
  queue: string;
  policy: string;
  /** A person gave it to somebody past routing: whom, why, and whether past their capacity. */
  overridden?: { agent_id: string; agent_name: string; by: string; reason: string; over_capacity: boolean };
  chosen: string | null;
  latency_us: number;
  candidates: Candidate[];
  counts?: Record<string, number>;
  recognised?: Recognised | null;
  /** Who was rung at the same time. */
  others?: string[];
  remarks?: DecisionReason[];
}

/** What a case's first words said, and what that added to what it asks for. */
export interface Recognised {
  mode: "off" | "suggest" | "decide";
  intent: string;
  confidence: number;
  because: string[];
  language: string;
  /** What a person says of it: null for nothing yet, empty for nothing of the list. */
  said?: string | null;
  language_said?: string | null;
  queue: string;
  priority: number;
  skills: Record<string, number>;
  language_skills: Record<string, number>;
  withheld: "" | "directed" | "no_such_queue" | "nobody_has_the_skills";
}

export interface ReliabilityBin {
  low: number;
  high: number;
  count: number;
  confidence: number;
  right: number;
}

export interface RecognitionState {
  mode: "off" | "suggest" | "decide";
  suggest_at: number;
  decide_at: number;
  bar: number;
  intents: (Named & {
    wanted: "off" | "suggest" | "decide";
    mode: "off" | "suggest" | "decide";
    hindrance: "" | "not_asked" | "never_measured" | "too_few" | "too_often_wrong";
    left_out: number | null;
    figures: { cases: number; named: number; right: number; precision: number; at_least: number; recall: number };
  })[];
  model: { version: number; made_at: number; examples: number; accuracy: number; ece: number; coverage_suggest: number; coverage_decide: number; bins: ReliabilityBin[] } | null;
  models: { version: number; made_at: number; examples: number; in_force: boolean }[];
  /** Languages that people put right: in how many cases, and what the house's words make of it where letters say another. */
  languages: { language: string; said: number; named: number; right: number; at_least: number; overrules: boolean }[];
  lately: { intent: string; mode: string; named: number; answered: number; agreed: number }[];
  training: { phase: "idle" | "reading" | "learning" | "failed"; done: number; whole: number; problem: string };
}

export interface TriedText {
  mode: "off" | "suggest" | "decide";
  intent: string;
  confidence: number;
  because: string[];
  language: string;
}

export interface WhyWaiting {
  recognised?: Recognised | null;
  candidates: Candidate[];
  summary: DecisionReason[];
  remarks?: DecisionReason[];
}

export interface Quarantined {
  id: string | number;
  channel?: string;
  reason?: string;
  received_at?: number;
  at?: number;
  size?: number;
}

export interface Demo {
  accounts: { name: string; role: Role; email: string; password: string }[];
  try_it_url: string;
}

/** Which telephone rings for this agent. No token: their own, at `address`. */
export interface Phone {
  token?: string;
  identity?: string;
  expires_at?: number;
  address: string;
}

export interface QueueWrapUp {
  mode: "" | "mandatory" | "optional" | "timed" | "forced" | "asked";
  seconds: number;
}

/** A call that we owe somebody. */
export interface CallbackItem {
  interaction_id: string;
  case_id: number;
  customer: CustomerBrief | null;
  number: string;
  reason: "asked" | "abandoned" | "voicemail" | "agent";
  queue: string;
  state: "waiting" | "parked" | "offered" | "assigned";
  not_before_at: number;
  attempts: number;
  virtual_enqueued_at: number;
}

export interface FlowItem {
  name: string;
  version: string;
  published_at: number | null;
  published_by: string;
  steps: number;
  live: number;
}

export interface FlowVersion {
  version: string;
  published_at: number | null;
  by: string;
  note: string;
  current: boolean;
}

export interface FlowWhole {
  name: string;
  current: string;
  versions: FlowVersion[];
  text: string;
}

export interface FlowCounts {
  steps: Record<string, { now: number; today: number }>;
  exits: Record<string, number>;
}

export interface FlowProblem {
  line: number;
  column: number;
  severity: string;
  what: string;
  mend: string;
}

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly retryAfterS = 0,
    /** The whole answer, where it says more than a code and a message. */
    readonly told: unknown = null,
  ) {
    super(message);
  }
}

let onSignedOut: (() => void) | null = null;
/** Called when the hub says 401 to anything but a sign-in. */
export function whenSignedOut(what: () => void): void {
  onSignedOut = what;
}

async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  let answer: Response;
  try {
    answer = await fetch(`/api/v1/${path}`, {
      method,
      credentials: "same-origin",
      headers: body === undefined ? {} : { "content-type": "application/json" },
      body: body === undefined ? null : JSON.stringify(body),
    });
  } catch {
    throw new ApiError(0, "unreachable", "");
  }
  if (answer.ok) return (answer.status === 204 ? undefined : await answer.json().catch(() => undefined)) as T;
  if (answer.status === 401 && path !== "session") onSignedOut?.();
  throw await failure(answer);
}

const CODES: Record<number, string> = { 401: "session_ended", 403: "forbidden", 404: "not_found", 422: "invalid", 503: "busy" };

async function failure(answer: Response): Promise<ApiError> {
  const told = (await answer.json().catch(() => ({}))) as { error?: { code?: string; message?: string } };
  const code = told.error?.code ?? CODES[answer.status] ?? "unknown";
  return new ApiError(answer.status, code, told.error?.message ?? "", Number(answer.headers.get("retry-after") ?? 0), told);
}

export const get = <T>(path: string): Promise<T> => call<T>("GET", path);
/** An answer that is text, not JSON: a diagram. */
export async function getText(path: string): Promise<string> {
  let answer: Response;
  try {
    answer = await fetch(`/api/v1/${path}`, { credentials: "same-origin" });
  } catch {
    throw new ApiError(0, "unreachable", "");
  }
  if (answer.ok) return answer.text();
  if (answer.status === 401) onSignedOut?.();
  throw await failure(answer);
}

export const post = <T>(path: string, body: unknown = {}): Promise<T> => call<T>("POST", path, body);
export const put = <T>(path: string, body: unknown): Promise<T> => call<T>("PUT", path, body);
export const remove = <T>(path: string): Promise<T> => call<T>("DELETE", path);

/** `path?a=1&b=2` without what is empty. */
export function query(path: string, values: Record<string, string | number | null | undefined>): string {
  const said = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    if (value !== null && value !== undefined && value !== "") said.set(name, String(value));
  }
  const text = said.toString();
  return text ? `${path}?${text}` : path;
}

const MOST_PAGES = 50;

/** Every item of a list, page after page; a list without end stops at fifty pages. */
export async function everything<T>(path: string): Promise<T[]> {
  const items: T[] = [];
  let after: string | number | null = null;
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const got: Page<T> = await get<Page<T>>(query(path, { limit: 200, after }));
    items.push(...got.items);
    if (got.next === null || got.next === undefined || got.items.length === 0) break;
    after = got.next;
  }
  return items;
}

export type { AgentView, AttachmentView, CustomerBrief, EventView, OfferView, Past, QueueView };
