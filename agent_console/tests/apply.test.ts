import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { DeskState } from "@/api/generated/wire";
import { apply, type Announcement } from "@/live/apply";

const folder = new URL("../../tests/live/cases/", import.meta.url);
interface Case {
  name: string;
  before: DeskState;
  seq: number;
  announcement: Announcement;
  after?: DeskState;
  gap?: true;
}
const cases = readdirSync(folder)
  .filter((file) => file.endsWith(".json"))
  .map((file) => JSON.parse(readFileSync(new URL(file, folder), "utf8")) as Case);

describe("apply means what the hub's apply means", () => {
  it("has cases to be held to", () => expect(cases.length).toBeGreaterThan(10));
  it.each(cases.map((c) => [c.name, c] as const))("%s", (_name, { before, seq, announcement, after, gap }) => {
    const untouched = structuredClone(before);
    expect(apply(before, seq, announcement)).toEqual(gap ? "gap" : after);
    expect(before).toEqual(untouched);
  });
  it("counts an announcement of a kind it does not know, and changes nothing else", () => {
    const before = cases[0]!.before;
    const unknown = { kind: "weather.changed" } as unknown as Announcement;
    expect(apply(before, before.seq + 1, unknown)).toEqual({ ...before, seq: before.seq + 1 });
  });
});
