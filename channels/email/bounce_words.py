"""The words by which mail servers say that a letter didn't arrive, in the languages that they speak."""

from __future__ import annotations

from channels.email.quoting_words import phrases

FAILED = phrases("""
wasn't able to deliver | was not able to deliver | could not be delivered | couldn't be delivered
permanent fatal errors | permanent errors | delivery has failed | delivery failed | unable to deliver
did not reach the following | was not delivered to | wasn't delivered to | not delivered | undeliverable
undelivered | address(es) failed | addresses failed | cannot be delivered | can't be delivered
delivery to the following recipient | failed permanently | returned mail | failure notice
konnte nicht zugestellt | konnten nicht zugestellt | nicht zustellbar | unzustellbar | n'a pas pu être
no se pudo entregar | não foi possível entregar | impossibile recapitare | 被退回 | 退信 | 无法送达
投递失败 | 发送失败 | 無法傳送 | 無法送達 | 配信できません | 配達できません | не удалось доставить
не доставлено
""")

DELAYED = phrases("""
transient non-fatal | still undelivered | has been delayed | was delayed | is delayed | delayed mail
delivery is delayed | not yet been delivered | not been delivered yet | delivery incomplete
will continue to try | will be retried | will retry | temporarily | verzögert | 延迟 | 暂时无法
""")

COPY_BEGINS = phrases("""
below this line is a copy | this is a copy of | original message follows | returned message follows
original message ----- | original message headers | message header follows | header of the original
unsent message below | message text follows | headers of the message | 原始邮件 | 原信内容
""")
"""What stands above the copy of the letter that some servers put under their words."""

MEANING = {
    "5.2.2": phrases("""
mailbox full | mailbox is full | quota | is full | exceeded storage | 已满 | 容量不足 | 超出容量
"""),
    "5.1.2": phrases("""
host not found | host or domain name not found | domain not found | no such domain | nxdomain | unrouteable
unroutable | domain does not exist | domain couldn't be found | bad destination system | no mx
name or service not known | 域名不存在 | 域名错误 | 找不到域名
"""),
    "5.7.1": phrases("""
spam | blocked | blacklist | blocklist | policy | denied | reputation | 垃圾邮件 | 拒收 | 被拒绝 | 拒绝
"""),
    "5.1.1": phrases("""
user unknown | unknown user | no such user | no such recipient | no such mailbox | unknown recipient
does not exist | doesn't exist | doesn't have | couldn't be found | could not be found | not found
wasn't found | invalid recipient | invalid mailbox | not listed in | not recognized | no mailbox
mailbox unavailable | recipient rejected | unbekannt | inconnu | 不存在 | 无此用户 | 无效用户 | 找不到
地址错误 | 收件人未找到
"""),
}
"""What servers mean by their words where they give no status, the surest first."""
