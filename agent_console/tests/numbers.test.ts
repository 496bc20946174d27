import { describe, expect, it } from "vitest";
import { codeOf, countriesOf, homeOf, readNumber, spaced } from "@/i18n/numbers";

describe("a telephone number", () => {
  it.each([
    ["+44 (0)20 7946 0018", "44", "+442079460018", ""],
    ["+44 020 7946 0018", "44", "+4402079460018", "+442079460018"],
    ["0049 30 901820", "49", "+4930901820", ""],
    ["＋８６ 138 0013 8000", "86", "+8613800138000", ""],
    ["tel:+1-202-555-0143", "1", "+12025550143", ""],
    ["+39 06 6982", "39", "+39066982", ""],
  ])("%s is read with its country", (text, code, e164, suggestion) => {
    expect(readNumber(text)).toMatchObject({ problem: "", code, e164, suggestion });
  });

  it.each([
    ["", "empty"],
    ["call me", "letters"],
    ["+44 20 CALL NOW", "letters"],
    ["020 7946 0018", "country"],
    ["+999 123 4567", "unknown"],
    ["+4420", "short"],
    ["+441234567890123456", "long"],
  ])("%s says what is wrong with it", (text, problem) => {
    const read = readNumber(text);
    expect(read.problem).toBe(problem);
    expect(read.e164).toBe("");
  });

  it("without its country is suggested with the likely one", () => {
    expect(readNumber("020 7946 0018", "44").suggestion).toBe("+442079460018");
    expect(readNumber("06 6982 1234", "39").suggestion).toBe("+390669821234");
    expect(readNumber("020 7946 0018").suggestion).toBe("");
  });
  it("that looks like a mainland mobile is suggested as one, wherever one sits", () => {
    expect(readNumber("13800138000", "49").suggestion).toBe("+8613800138000");
  });
  it("belongs to one country's code and no other's beginning", () => {
    expect([codeOf("1202"), codeOf("86138"), codeOf("852"), codeOf("880"), codeOf("800555")]).toEqual(["1", "86", "852", "880", "800"]);
  });
  it("of ours tells which country is near", () => {
    expect([homeOf("+44 1632 960000"), homeOf("support@demo.example"), homeOf("0800 123"), homeOf("+800 1234 5678")]).toEqual(["44", "", "", ""]);
  });
  it.each([["+8613800138000", "+86 138 0013 8000"], ["+12025550143", "+1 202 555 0143"], ["+447700900123", "+44 7700 900123"], ["+4930901820", "+49 309 018 20"], ["a@b.example", "a@b.example"]])(
    "%s is written as %s", (number, written) => expect(spaced(number)).toBe(written),
  );
  it("names its countries in the reader's language", () => {
    expect(countriesOf(["GB"], "en")).toBe("United Kingdom");
    expect(countriesOf(["US", "CA"], "zh")).toBe("美国或加拿大");
  });
});
