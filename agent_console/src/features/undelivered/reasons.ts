/** Why something was not delivered, in a few words of ours. Pure. */

export type ReasonCode = "no_such_address" | "mailbox_full" | "too_large" | "refused" | "policy" | "unreachable" | "handset" | "silent";

/** The first that fits counts; what fits none is shown as the provider said it. */
const SIGNS: [RegExp, ReasonCode][] = [
  [/\b5\.1\.[0-36]\b|user unknown|no such (?:user|address|mailbox|recipient)|(?:mailbox|address|recipient|user|account) (?:does not exist|doesn't exist|unknown|not found|unavailable)|unknown (?:user|recipient)/i, "no_such_address"],
  [/\b[45]\.2\.2\b|over ?quota|mailbox (?:is )?full|quota exceeded/i, "mailbox_full"],
  [/\b5\.(?:2\.3|3\.4)\b|too (?:large|big)|size (?:limit|exceed)|exceeds (?:the )?(?:maximum|size)/i, "too_large"],
  [/\b5\.7\.\d+\b|spam|blocked|blacklist|block list|dmarc|policy|reputation/i, "policy"],
  [/30005|30006|unknown handset|unreachable handset|landline/i, "handset"],
  [/connection (?:refused|reset|timed out)|no route|name or service|getaddrinfo|cannot be reached|not be reached|host (?:not found|unknown)|\b[45]\.1\.2\b|\b[45]\.4\.\d\b/i, "unreachable"],
  [/no answer|timed? ?out|lost (?:the )?connection|did not (?:answer|confirm)|silence/i, "silent"],
  [/\b55\d\b|refused|rejected|denied/i, "refused"],
];

export const reasonCode = (reason: string): ReasonCode | "" => SIGNS.find(([sign]) => sign.test(reason))?.[1] ?? "";
