/** Files on their way to the hub: each with its progress, until it is there or has failed. */
import { computed, onScopeDispose, reactive } from "vue";
import { MOST_BYTES, upload } from "@/api/mail";
import type { ApiError, AttachmentView } from "@/api/rest";

export interface Uploading {
  key: number;
  name: string;
  size: number;
  share: number;
  error: string;
  file: File;
}

type Done = (stored: AttachmentView, file: File) => void;

export function useUploads() {
  const all = reactive(new Map<number, Uploading>());
  const ends = new Map<number, AbortController>();
  const dones = new Map<number, Done>();
  let last = 0;

  /** Brings `file` to the hub, then tells `done`. Too large a file fails at once, without a byte sent. */
  function bring(file: File, done: Done): void {
    const key = ++last;
    all.set(key, { key, name: file.name || "image.png", size: file.size, share: 0, error: "", file });
    dones.set(key, done);
    void start(all.get(key)!);
  }

  async function start(one: Uploading): Promise<void> {
    one.error = one.size > MOST_BYTES ? "too_large" : one.size === 0 ? "empty_file" : "";
    if (one.error) return;
    one.share = 0;
    const end = new AbortController();
    ends.set(one.key, end);
    try {
      const stored = await upload(one.file, one.name, (share) => (one.share = share), end.signal);
      const done = dones.get(one.key);
      forget(one.key);
      done?.(stored, one.file);
    } catch (error) {
      if ((error as ApiError).code !== "aborted") one.error = (error as ApiError).code || "unknown";
    }
  }

  function forget(key: number): void {
    all.delete(key);
    ends.delete(key);
    dones.delete(key);
  }

  function cancel(key: number): void {
    const end = ends.get(key);
    forget(key);
    end?.abort();
  }

  function again(key: number): void {
    const one = all.get(key);
    if (one) void start(one);
  }

  const busy = computed(() => [...all.values()].some((one) => !one.error));
  const failed = computed(() => [...all.values()].some((one) => one.error));
  const clear = (): void => [...all.keys()].forEach(cancel);
  onScopeDispose(clear);
  return { all, busy, failed, bring, cancel, again, clear };
}
