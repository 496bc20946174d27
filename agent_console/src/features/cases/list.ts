/** A list of cases as it is read: pages after one another, each case once, for as long as somebody scrolls. */
import { computed, ref, shallowRef } from "vue";
import { get, query, type CaseItem, type CustomerItem, type Medium, type Page } from "@/api/rest";

export type Piece = [text: string, hit: boolean];

/** The message that a case was found by. */
export interface Match {
  event_id: string;
  interaction_id: string;
  kind: string;
  medium: Medium;
  at: number;
  by: string;
  name: string;
  pieces: Piece[];
}

export interface ListedCase extends CaseItem {
  queue?: string;
  subject_pieces?: Piece[];
  match?: Match;
}

export interface CasePage extends Page<ListedCase> {
  count?: number;
  more?: boolean;
  behind?: number;
}

export type Counts = Record<"open" | "mine" | "unassigned" | "pending" | "undelivered" | "most", number>;

export const VIEWS = ["open", "mine", "unassigned", "pending", "undelivered", "closed", "all"] as const;
export type View = (typeof VIEWS)[number];

/** What a view asks of the hub; `me` is the agent who looks. */
export function asked(view: View, me: string | null | undefined): Record<string, string | undefined> {
  switch (view) {
    case "mine": return { status: "live", agent: me ?? "-" };
    case "unassigned": return { unassigned: "true" };
    case "undelivered": return { undelivered: "true" };
    case "all": return {};
    default: return { status: view };
  }
}

/** Pages put together: a case that comes again, because it was touched meanwhile, stays where it was first. */
export function joined(before: readonly ListedCase[], page: readonly ListedCase[]): ListedCase[] {
  const seen = new Set(before.map((one) => one.id));
  return [...before, ...page.filter((one) => !seen.has(one.id))];
}

const PAGE = 50;
/** A page with few matches says where to go on; after so many in a row the reader is asked. */
const MOST_IN_A_ROW = 8;

export function useCaseList(path: () => Record<string, string | undefined>, people: () => string) {
  const items = shallowRef<ListedCase[]>([]);
  const found = shallowRef<CustomerItem[]>([]);
  const about = shallowRef<{ count: number; more: boolean; behind: number } | null>(null);
  const next = ref<CasePage["next"]>(null);
  const state = ref<"loading" | "more" | "ready" | "failed">("loading");
  const problem = shallowRef<unknown>(null);
  let turn = 0;

  const page = (after: CasePage["next"]) => get<CasePage>(query("cases", { ...path(), limit: PAGE, after }));

  /** Reads on until there is a screenful, or nothing more. */
  async function fill(mine: number, wanted: number): Promise<void> {
    for (let read = 0; read < MOST_IN_A_ROW && next.value !== null && items.value.length < wanted; read++) {
      const more = await page(next.value);
      if (mine !== turn) return;
      items.value = joined(items.value, more.items);
      next.value = more.next;
    }
  }

  async function attempt(mine: number, act: () => Promise<void>): Promise<void> {
    try {
      await act();
      if (mine === turn) state.value = "ready";
    } catch (error) {
      if (mine !== turn) return;
      problem.value = error;
      state.value = "failed";
    }
  }

  /** The first page; `quietly` keeps what is shown until it is there. */
  async function read(quietly = false): Promise<void> {
    const mine = ++turn;
    if (!quietly) state.value = "loading";
    await attempt(mine, async () => {
      const words = people();
      const [first, named] = await Promise.all([
        page(null),
        words ? get<Page<CustomerItem>>(query("customers", { q: words, limit: 12 })) : Promise.resolve({ items: [], next: null }),
      ]);
      if (mine !== turn) return;
      items.value = first.items;
      found.value = named.items;
      next.value = first.next;
      about.value = first.count === undefined ? null : { count: first.count, more: first.more ?? false, behind: first.behind ?? 0 };
      if (first.items.length < PAGE / 2 && first.next !== null) {
        state.value = "more";
        await fill(mine, PAGE / 2);
      }
    });
  }

  async function more(): Promise<void> {
    if (state.value !== "ready" || next.value === null) return;
    const mine = turn;
    state.value = "more";
    await attempt(mine, () => fill(mine, items.value.length + PAGE / 2));
  }

  return { items, found, about, next, state, problem, read, more, reading: computed(() => state.value === "loading" || state.value === "more") };
}

const FILTER = /(^|\s)((?:is|in|agent|channel|has|before|after|from|to|subject)[:：](?:"[^"]*"|[^\s"]+))(?=\s|$)/gi;

/** The filters that stand in a query, as they were typed. */
export function filtersIn(words: string): string[] {
  return [...words.matchAll(FILTER)].map((found) => found[2]!);
}

/** The query without one of its filters. */
export function withoutFilter(words: string, filter: string): string {
  return words.replace(filter, " ").replace(/\s+/g, " ").trim();
}

/** The words of a query that may name a person: what is left without filters and what is left out. */
export function plainWords(words: string): string {
  return words.replace(FILTER, " ").replace(/(^|\s)-\S+/g, " ").replace(/\s+/g, " ").trim();
}
