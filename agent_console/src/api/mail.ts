/** What the hub's doors for writing mail say (docs/email.md, "Writing"). */
import { ApiError, get, query } from "./rest";
import type { AttachmentView, CustomerBrief, Medium } from "./rest";

export type Mode = "reply" | "reply_all" | "forward";

export interface ComposingWarning {
  code: string;
  address: string;
  detail: string;
}

/** What an answer begins with: to whom, what is quoted, what goes along. */
export interface Composing {
  to: string[];
  cc: string[];
  subject: string;
  quoted_html: string;
  quoted_text: string;
  attachments: AttachmentView[];
  signature_html: string;
  signature_text: string;
  undo_seconds: number;
  warnings: ComposingWarning[];
}

export const composing = (interactionId: string, mode: Mode): Promise<Composing> =>
  get<Composing>(query(`interactions/${encodeURIComponent(interactionId)}/composing`, { mode }));

export interface CannedReply {
  id: string;
  title: string;
  title_zh: string;
  language: string;
  text: string;
  html: string;
}

export const cannedReplies = async (interactionId: string): Promise<CannedReply[]> =>
  (await get<{ items: CannedReply[] }>(query("canned-replies", { interaction: interactionId }))).items;

/** A message that did not arrive, or of which nobody knows. */
export interface UndeliveredItem {
  outbox_id: string;
  interaction_id: string;
  case_id: number;
  customer: Pick<CustomerBrief, "id" | "name"> & { point?: string };
  recipient: string;
  channel: string;
  medium: Medium;
  subject: string;
  state: "failed" | "uncertain";
  reason: string;
  attempts: number;
  created_at: number;
  agent_id: string;
}

export interface UndeliveredPage {
  items: UndeliveredItem[];
  count: number;
  next?: string | number | null;
}

export const undelivered = (after: string | number | null = null, limit = 50): Promise<UndeliveredPage> =>
  get<UndeliveredPage>(query("undelivered", { after, limit }));

export const MOST_BYTES = 25 * 1024 * 1024;

/** Brings a file to the hub; `progress` hears from 0 to 1. Rejects with `ApiError` (`too_large`, `aborted`, …). */
export function upload(file: Blob, name: string, progress: (share: number) => void, signal: AbortSignal): Promise<AttachmentView> {
  return new Promise((resolve, reject) => {
    const call = new XMLHttpRequest();
    const failed = (status: number, code: string, message = ""): void => reject(new ApiError(status, code, message));
    call.open("POST", `/api/v1/${query("uploads", { name })}`);
    call.responseType = "json";
    call.setRequestHeader("content-type", file.type || "application/octet-stream");
    call.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total);
    call.onerror = () => failed(0, "unreachable");
    call.onabort = () => failed(0, "aborted");
    call.onload = () => {
      const told = call.response as (AttachmentView & { error?: { code?: string; message?: string } }) | null;
      if (call.status >= 200 && call.status < 300 && told) resolve(told);
      else failed(call.status, call.status === 413 ? "too_large" : (told?.error?.code ?? "unknown"), told?.error?.message);
    };
    signal.addEventListener("abort", () => call.abort());
    call.send(file);
  });
}
