"""The words by which mail programs introduce what they quote, in the languages that they speak.

All of it is in lower case, as lines are compared. A missing word costs a fold that isn't made, and nothing else.
"""

from __future__ import annotations


def phrases(listed: str) -> tuple[str, ...]:
    """What stands between ``|`` and line breaks, ``_`` being a space that counts."""
    return tuple(each.strip().replace("_", " ") for each in listed.strip().replace("\n", "|").split("|"))


WROTE = phrases("""
wrote | writes | said | schrieb | hat geschrieben | a écrit | écrit | escribió | escribio | ha escrito
escreveu | ha scritto | schreef | het volgende geschreven | geschreven | skrev | skrev så här | kirjoitti
napisał(a) | napisał | napisała | pisze | написал(а) | написал | написала | пишет | писал(а) | пише
написав | написав(ла) | şunu yazdı | şunları yazdı | yazdı | napsal | napsal(a) | napísal(a) | a scris
írta | έγραψε | đã viết | menulis | كتب | כתב | כתב/ה | 写道 | 寫道 | 写到 | 書きました | のメール
님이 작성 | 작성 | 님이 다음을 작성 | 님이 쓴 글
""")
"""What an attribution ends with, before its colon."""

WROTE_BEFORE_THE_NAME = phrases("""
_schrieb_ | _schreef_ | _skrev_ | _kirjoitti_ | _escreveu_( | _ezt_írta_( | _şunları_yazdı_( | _şunu_yazdı_(
_napisana_przez_ | _yazdı_( | _пишет_ | _כתב_ | _كتب_ | _מאת_
""")
"""What stands in the middle of an attribution, with the writer or the date after it."""

OPENERS = phrases("""
on_ | am_ | le_ | el_ | em_ | no_dia_ | il_ | il_giorno_ | op_ | den_ | dne_ | w_dniu_ | dnia_
wiadomość_napisana_ | în_ | pe_ | vào_ | pada_ | στις_ | la_ | في_ | בתאריך_ | в_ | у_ | 在 | 于 | 於
at 19 | at 20 | ---_on_ | ---on_ | mon | tue | wed | thu | fri | sat | sun | mo. | di. | mi. | do. | fr.
sa. | so. | пн | вт | ср | чт | пт | сб | вс | нд | понед | вторн | среда | четв | пятн | субб | воскр | pon
wt. | śr. | czw | pt. | sob | niedz | lør | søn | man | tir | ons | tor | fre | lör | sön | mån | tis | ma_
ti_ | ke_ | to_ | su_ | po_ | út_ | st_ | čt_ | pá_ | so_ | ne_ | lun | mar | mer | gio | ven | dom | sáb
mié | jue | vie
""")
"""What an attribution begins with, where it doesn't begin with a digit or with the writer."""

NOT_IN_A_NAME = frozenset(
    phrases("""
dein | deine | folgendes | following | her | his | ihnen | ihre | jullie | mein | meine | meu | mia | mijn
minha | mio | mir | moja | mon | my | mój | nos | nossa | nosso | nostro | notre | nuestra | nuestro
nuestros | onze | our | sua | suo | that | the | their | this | uns | unser | unsere | usted | ustedes | uw
vores | vos | vostra | votre | vuestro | vår | våra | which | who | your | ваш | ваша | ваши | мой | моя
наш | 你们 | 您的 | 我们 | 我們
""")
)
"""Words of prose: an attribution without an address that has one of these between its date and its verb is a
sentence that somebody wrote."""

PRONOUNS = frozenset(
    phrases("""
du | ela | ele | ella | elle | ellos | er | eu | han | he | hij | hon | hän | i | ich | ik | il | ils | io
it | ja | jag | je | jeg | jij | lei | lui | me | minä | noi | nosotros | nous | nós | on | ona | she | sie
they | us | vi | we | wij | wir | yo | you | zij | él | вы | мы | он | она | я | 他 | 你 | 她 | 您 | 我
""")
)
"""Nor does a program write these right beside the verb."""

ORIGINAL = phrases("""
original message | original | original e-mail | original email | reply message | replied message
ursprüngliche nachricht | originalnachricht | original-nachricht | ursprungliche nachricht
message d'origine | message d’origine | message original | mensaje original | mensagem original
messaggio originale | oorspronkelijk bericht | ursprungligt meddelande | originalmeddelande
oprindelig meddelelse | opprinnelig melding | alkuperäinen viesti | wiadomość oryginalna
oryginalna wiadomość | исходное сообщение | исходное письмо | оригінальне повідомлення
вихідне повідомлення | orijinal mesaj | özgün ileti | původní zpráva | eredeti üzenet | mesaj original
元のメッセージ | 원본 메시지 | 원본 메일 | 원본메시지 | 원본 이메일 | 원본메일 | 原始邮件 | 原始郵件
原始邮件信息 | 原邮件 | 原郵件 | 回复的原邮件 | 回复的邮件 | 答复的邮件 | 回复邮件 | 原始訊息 | 原始信件
الرسالة الأصلية | הודעה מקורית
""")
"""Between dashes: from here on it is the earlier message."""

FORWARDED = phrases("""
forwarded message | forwarded email | forwarded by | begin forwarded message | forward message
weitergeleitete nachricht | anfang der weitergeleiteten nachricht | anfang der weitergeleiteten e-mail
message transféré | message réexpédié | début du message réexpédié | début du message transféré
mensaje reenviado | inicio del mensaje reenviado | mensagem encaminhada | mensagem reencaminhada
início da mensagem reencaminhada | início da mensagem encaminhada | messaggio inoltrato
inizio messaggio inoltrato | doorgestuurd bericht | begin doorgestuurd bericht | vidarebefordrat meddelande
vidarebefordrat brev | videresendt meddelelse | videresendt besked | videresendt melding
videresendt e-post | välitetty viesti | edelleenlähetetty viesti | wiadomość przekazana
przekazana wiadomość | пересылаемое сообщение | пересланное сообщение | перенаправленное сообщение
начало переадресованного сообщения | переслане повідомлення | iletilen mesaj | yönlendirilen ileti
iletilmiş ileti | přeposlaná zpráva | továbbított üzenet | 転送されたメッセージ | 転送メッセージ
転送メール | 전달된 메시지 | 전달된 메일 | 전달된 이메일 | 转发的邮件 | 转发邮件 | 转发邮件信息 | 转发的消息
被转发邮件信息 | 已转发邮件 | 开始转发的邮件 | 轉寄郵件 | 轉寄的郵件 | 轉寄信件 | 轉寄的訊息
开始转发的信息 | 開始轉寄郵件 | 以下是转发的邮件
""")
"""From here on it is what the customer passes on to us: new to us, whoever wrote it."""

FORWARDING_PREFIXES = frozenset(
    phrases("""
doorst | enc | fw | fwd | fwd from | i | ilt | i̇lt | pd | rv | továbbítás | tr | vb | vl | vs | wg | πρθ
пересл | הועבר | 転送 | 轉寄 | 轉發 | 转发 | 전달
""")
)
"""What the subject of a forwarded message begins with."""

_LABELS = {
    "from": """
from | von | de | da | van | från | fra | lähettäjä | od | от | от кого | від | kimden | gönderen | 差出人
送信者 | 送信元 | 보낸 사람 | 보낸사람 | 보낸이 | 发件人 | 寄件者 | 寄件人 | 发信人 | expéditeur | absender
remitente | remetente | mittente | afzender | feladó | από | de la | מאת | من | dari
""",
    "date": """
sent | date | sent date | gesendet | datum | gesendet am | envoyé | envoyé le | date d'envoi | enviado
enviado el | enviada em | enviado em | enviada | fecha | data | inviato | data invio | verzonden | skickat
sendt | dato | lähetetty | päivämäärä | päiväys | wysłano | wysłane | отправлено | дата | надіслано
відправлено | gönderildi | gönderilme tarihi | gönderme tarihi | tarih | 送信日時 | 送信日 | 日付 | 日時
보낸 날짜 | 보낸날짜 | 날짜 | 发送时间 | 发送日期 | 发件时间 | 时间 | 寄件日期 | 傳送時間 | 傳送日期
寄件時間 | 日期 | odesláno | küldve | dátum | trimis | ημερομηνία | נשלח | תאריך | تاريخ | التاريخ | tanggal
""",
    "to": """
to | an | à | a | para | aan | till | til | vastaanottaja | do | dla | кому | kime | alıcı | 宛先
받는 사람 | 받는사람 | 받는이 | 收件人 | 收件者 | 收信人 | destinataire | empfänger | destinatario
destinatário | ontvanger | címzett | komu | către | προς | אל | إلى | kepada
""",
    "cc": """
cc | kopie | kopie (cc) | copie | copie à | copia | cópia | kopia | kopi | kopio | dw | do wiadomości
копия | копія | bilgi | 참조 | 抄送 | 副本 | ｃｃ
""",
    "subject": """
subject | betreff | objet | asunto | assunto | oggetto | onderwerp | ämne | emne | aihe | otsikko | temat
тема | konu | 件名 | 제목 | 主题 | 主旨 | 主題 | 标题 | předmět | tárgy | subiect | θέμα | נושא | الموضوع
subjek | perihal
""",
    "aside": """
reply-to | importance | priority | attachments | anlagen | pièces jointes | 重要性 | 附件 | bcc | blind copy
""",
}
LABELS = {label: kind for kind, labels in reversed(_LABELS.items()) for label in phrases(labels)}
"""What the lines of a header block in the text begin with, and what that line is about."""

SIGNED = tuple(
    (begins, ends)
    for begins, _, ends in (
        phrase.partition("…")
        for phrase in phrases("""
sent from my_ | sent from mail for windows | sent from outlook | sent from yahoo | sent from proton
sent from samsung | sent from gmail | sent from aol | sent from windows mail | sent from mobile
sent from the all new | sent from iphone | sent from ipad | sent from android | sent from fastmail
sent from mailspring | sent from spark | sent from nine | sent from huawei | sent from vivo | sent from xiaomi
sent with proton | sent with gmx | sent with spark | sent via the samsung | sent via blackberry | sent via android
sent using outlook | sent using zoho | get outlook for_ | download outlook for_ | von meinem_…gesendet
von meiner_…gesendet | von mobil…gesendet | gesendet von meine | gesendet von mobil | gesendet von outlook
gesendet von mail | gesendet von yahoo | gesendet mit der_ | gesendet mit gmx | gesendet mit proton
gesendet aus der_ | gesendet von unterwegs | diese nachricht wurde von_…gesendet | hol dir outlook
holen sie sich outlook | outlook für_ | envoyé de mon_ | envoyé de ma_ | envoyé depuis mon_ | envoyé depuis outlook
envoyé depuis yahoo | envoyé depuis l'appli | envoyé à partir de mon_ | envoyé à partir d'outlook
envoyé à partir de outlook | envoyé à partir de courrier | envoyé avec proton | envoyé avec la messagerie
télécharger outlook | obtenir outlook | obtenez outlook | provenance : | enviado desde mi_ | enviado desde outlook
enviado desde yahoo | enviado desde correo para windows | enviado con proton | obtener outlook | obtenga outlook
enviado do meu_ | enviado do outlook | enviado do correio para windows | enviado a partir do_ | enviado pelo meu_
enviado via_ | obter o outlook | obtenha o outlook | baixar outlook | inviato da i | inviato da outlook
inviato dal mio_ | inviato da posta per windows | inviato da yahoo | ottieni outlook | scarica outlook
verstuurd vanaf mijn_ | verzonden vanaf mijn_ | verzonden vanaf outlook | verzonden met proton | outlook voor_
downloaden van outlook | skickat från min_ | skickat från outlook | skickat från e-post för windows | hämta outlook
sendt fra min_ | sendt fra mit_ | sendt fra outlook | sendt fra mail | hent outlook | last ned outlook
lähetetty i | lähetetty android | lähetetty outlook | lähetetty puhelim | hanki outlook | wysłane z i | wysłano z i
wysłane z mojego_ | wysłane z telefonu | wysłane z programu | wysłano z programu | pobierz outlook
отправлено с_ | отправлено из_ | загрузите outlook | получить outlook | скачать outlook | надіслано з_
відправлено з_ | завантажте outlook | iphone'umdan…gönderildi | iphone’umdan…gönderildi | iphone'dan…gönderildi
samsung…gönderildi | android…gönderildi | odesláno z_ | trimis de pe_ | 发自我的 | 发自_ | 发自i | 发自o | 发自新浪
发自网易 | 发自qq | 发送自_ | 来自我的 | 来自网易 | 从我的…发送 | 从我的…发出 | 从 outlook…发送 | 从outlook…发送
從我的…傳送 | 從我的…寄出 | 從 outlook…傳送
使用 outlook…发送 | 寄自我的 | 傳送自_ | 获取 outlook | 获取outlook | 下载 outlook
获取适用于 | 下载适用于 | 取得 outlook | 取得適用於 | iphoneから送信 | ipadから送信 | androidから送信
私の iphone…送信 | 私のiphone…送信 | outlook for…入手 | 나의_…보냄 | 내_…보냄 | iphone에서 보냄 | outlook에서 보냄
""")
    )
)
"""What a line that a program adds under the words begins with, and after the ``…`` what it ends with …"""

DEVICES = phrases("""
iphone | ipad | ipod | android | samsung | galaxy | huawei | honor | xiaomi | redmi | oppo | vivo | oneplus
pixel | blackberry | nokia | motorola | windows | outlook | gmail | yahoo | proton | gmx | web.de | mail app | aol
zoho | foxmail | qq邮箱 | webmail | mailspring | fastmail | nexus | htc | xperia | spark | nine | mail.ru | яндекс
handy | smartphone | mobil | móvil | movil | téléphone | cellulare | telefon | phone | tablet | puhelim | 手机
手機 | 邮箱 | 郵箱 | スマートフォン | телефон | смартфон | почт | 휴대폰 | 핸드폰 | 华为 | 小米 | 荣耀 | unterwegs
messagerie | 客户端
""")
"""… and that it names one of these: "sent from my office" is a sentence."""

INLINE = phrases("""
inline | in-line | in line with your | see below | answers below | comments below | replies below
answered below | reply below | my answers in | between the lines | in red | in blue | in bold | in green
below_in_ | siehe unten | s. unten | s.u. | weiter unten | im text | antworten unten | unten_in_
ci-dessous | dans le texte | en rouge | en bleu | más abajo | a continuación | en rojo | en azul | abaixo
em vermelho | di seguito | qui sotto | in rosso | hieronder | in het rood | nedan | nedenfor | alla olevat
poniżej | ниже | нижче | aşağıda | 見下 | 见下 | 如下 | 下方 | 下面 | 红字 | 紅字 | 标红 | 藍字 | 蓝字
文中 | 下記 | 以下に | 文末 | 赤字 | 아래 | 본문
""")
"""What says that the answers stand in the middle of what a program without quote marks quotes."""
