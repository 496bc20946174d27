import { reactive } from "vue";
import type { WorkView } from "@/api/generated/wire";
import { toast } from "@/design/toasts";
import { useWords } from "@/i18n/words";
import { useLive } from "@/live/store";

/** What an agent asks of the call. `asking` holds what has no answer yet, so that nothing is asked twice. */
export function useCallActs(work: () => WorkView) {
  const live = useLive();
  const { t, whyFailed } = useWords();
  const asking = reactive(new Set<string>());

  /** True if the hub did it; a refusal is told in words. */
  async function act(name: string, args: Record<string, unknown> = {}, told = "call.refused"): Promise<boolean> {
    if (asking.has(name)) return false;
    asking.add(name);
    try {
      await live.command(name, { interaction_id: work().interaction_id, ...args });
      return true;
    } catch (error) {
      toast(t(told, { reason: whyFailed(error) }), "danger");
      return false;
    } finally {
      asking.delete(name);
    }
  }
  return { act, asking };
}
