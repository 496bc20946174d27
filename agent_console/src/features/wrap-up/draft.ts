/** What was chosen for an outcome and not saved yet, as the device keeps it. */
import { computed, type Ref, type WritableComputedRef } from "vue";
import type { CaseStatus } from "@/api/rest";

export interface WrapUpDraft {
  disposition: string;
  note: string;
  status: CaseStatus;
}

const EMPTY: WrapUpDraft = { disposition: "", note: "", status: "closed" };

/** What a device kept may be of an older version, or anything. */
export function parseDraft(text: string): WrapUpDraft {
  try {
    const found = JSON.parse(text) as Partial<WrapUpDraft>;
    const status = found.status === "open" || found.status === "pending" ? found.status : "closed";
    return { disposition: String(found.disposition ?? ""), note: String(found.note ?? ""), status };
  } catch {
    return { ...EMPTY };
  }
}

/** Setting null forgets it. */
export function readDraft(text: Ref<string>): WritableComputedRef<WrapUpDraft, WrapUpDraft | null> {
  return computed({
    get: () => parseDraft(text.value),
    set: (next: WrapUpDraft | null) => (text.value = next && (next.disposition || next.note) ? JSON.stringify(next) : ""),
  });
}
