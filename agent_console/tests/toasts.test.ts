import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { dismiss, hold, release, toast, toasts } from "@/design/toasts";

describe("a short word that comes by itself", () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => {
    vi.runAllTimers();
    vi.useRealTimers();
  });

  it("goes by itself", () => {
    toast("Saved.");
    vi.advanceTimersByTime(4_499);
    expect(toasts).toHaveLength(1);
    vi.advanceTimersByTime(1);
    expect(toasts).toHaveLength(0);
  });

  it("stays while somebody points at it, and its whole time after that", () => {
    toast("Merged.", "calm", { label: "Undo", act: () => undefined });
    const id = toasts[0]?.id ?? -1;
    vi.advanceTimersByTime(14_000);
    hold(id);
    vi.advanceTimersByTime(600_000);
    expect(toasts).toHaveLength(1);
    release(id);
    vi.advanceTimersByTime(14_999);
    expect(toasts).toHaveLength(1);
    vi.advanceTimersByTime(1);
    expect(toasts).toHaveLength(0);
  });

  it("does not come back when it was sent away while pointed at", () => {
    toast("Gone.");
    const id = toasts[0]?.id ?? -1;
    hold(id);
    dismiss(id);
    release(id);
    vi.runAllTimers();
    expect(toasts).toHaveLength(0);
  });
});
