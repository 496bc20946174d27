import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { describe, expect, it } from "vitest";

const SRC = new URL("../src/", import.meta.url).pathname;
const files = readdirSync(SRC, { recursive: true, encoding: "utf8" }).filter((name) => /\.(ts|vue)$/.test(name));
const importsOf = (file: string): string[] =>
  [...readFileSync(join(SRC, file), "utf8").matchAll(/(?:from|import\()\s*["']([^"']+)["']/g)]
    .map((match) => match[1]!)
    .filter((target) => target.startsWith("@/") || target.startsWith("."))
    .map((target) => (target.startsWith("@/") ? target.slice(2) : relative(SRC, join(SRC, file, "..", target))));

/** Each room may use those before it. */
const ORDER = ["api", "i18n", "design", "live", "conversation", "features", "pages", "app"];
const roomOf = (path: string): string => path.split("/")[0]!;
const featureOf = (path: string): string | undefined => (roomOf(path) === "features" ? path.split("/")[1] : undefined);

describe("the console's rooms", () => {
  it("are all known", () => {
    expect([...new Set(files.map(roomOf))].filter((room) => room !== "main.ts").sort()).toEqual([...ORDER].sort());
  });

  it.each(files.filter((file) => file !== "main.ts"))("%s uses only the rooms below its own, and no other feature", (file) => {
    for (const target of importsOf(file)) {
      // The router names the pages that it opens; the application is made of everything.
      expect(ORDER.indexOf(roomOf(target)), `${file} imports ${target}`).toBeLessThanOrEqual(ORDER.indexOf(roomOf(file)));
      if (featureOf(file)) expect(featureOf(target) ?? featureOf(file), `${file} imports ${target}`).toBe(featureOf(file));
    }
  });

  it("keep colours in the tokens alone", () => {
    const colours = files.filter((file) => /#[0-9a-f]{3,8}\b/i.test(readFileSync(join(SRC, file), "utf8").split("<style")[1] ?? ""));
    // The sign-in page's picture is a picture; letters on a person's mark are white.
    expect(colours.sort()).toEqual(["design/PersonMark.vue", "pages/SignInPage.vue"]);
  });
});
