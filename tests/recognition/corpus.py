"""Cases that nobody ever wrote: what customers write about, in English and Chinese, put together from pieces and
spoilt a little. Made to try the recogniser out; real cases are more varied, and harder."""

from __future__ import annotations

import random

from contact_center.recognition.model import NONE, Example

ITEMS = {
    "en": "the blue kettle|my headphones|the office chair|two coffee mugs|a winter jacket|the phone case|my new lamp|"
    "the running shoes|a garden table|the printer|some batteries|the tablet",
    "zh": "蓝色水壶|耳机|办公椅|两个咖啡杯|羽绒服|手机壳|台灯|跑鞋|餐桌|打印机|电池|平板电脑",
}
WANTS: dict[str, dict[str, str]] = {
    "en": {
        "refund": "I want my money back for {item}|please refund {item}|when will I get the refund for {item}|"
        "you charged me twice for {item}|I returned {item} and still have no refund|the amount was taken twice from "
        "my card|I was billed two times, please pay one back|still waiting for my money after sending {item} back|"
        "how long does a refund take|could you reimburse me for {item}|the credit for {item} has not shown up",
        "delivery": "where is {item}|{item} has not arrived yet|the tracking page has shown nothing since monday|when "
        "will {item} be delivered|my parcel is late|the courier left {item} at the wrong address|has {item} been "
        "shipped|I waited all day and nobody came with the package|the tracking number does not work|delivery was "
        "promised for tuesday|can you send {item} to another address instead",
        "broken": "{item} arrived damaged|{item} stopped working after two days|{item} does not switch on|a part of "
        "{item} is missing|{item} is broken, I need a replacement|there is a crack in {item}|{item} makes a strange "
        "noise|the box was crushed and {item} is scratched|{item} is defective|is {item} still under warranty, it "
        "broke|the screen stays black",
        "account": "I cannot log in|I forgot my password|the reset link does not arrive|my account is locked|please "
        "change the email address of my account|the code to sign in never comes|someone else has used my account|how "
        "do I delete my account|the website says my password is wrong|two-factor does not work since I have a new "
        "phone|I want to change my user name",
        "invoice": "please send me the invoice for {item}|the invoice has the wrong company name|I need a receipt with "
        "our VAT number|where can I download my invoice|the address on the bill is wrong|our accounting needs a copy "
        "of the invoice|can I get one invoice for all orders of march|please put our purchase order number on the "
        "bill|the tax on the receipt for {item} seems wrong",
        "cancel": "please cancel my order of {item}|I want to cancel my subscription|stop the renewal of my plan|I "
        "ordered {item} by mistake, cancel it please|can I still cancel before it ships|I do not want {item} any more,"
        " cancel the order|end my contract at the end of the month|how do I unsubscribe from the plan|cancel "
        "everything that is not sent yet",
        "advice": "does {item} come in another colour|which size of {item} should I take|is {item} in stock|what is "
        "the difference between these two models|do you have a discount for students|will {item} fit a small room|do "
        "you sell spare parts|how much is {item} for ten pieces|when will {item} be available again|can you recommend "
        "something like {item}|does it work with other brands",
        NONE: "we offer cheap seo for your website|are you hiring at the moment|I am a student and write a paper about "
        "your company|congratulations to your team on the award|please ignore my last mail|we would like to be your "
        "supplier|who is your press contact|lovely weather today|invitation to our conference|wrong number, sorry",
    },
    "zh": {
        "refund": "我要退款，{item}|请把{item}的钱退给我|{item}的退款什么时候到账|你们扣了我两次钱|{item}已经退回去了，还没收到退款|"
        "信用卡被重复扣款了|多收的钱请退还|退款要多久|请问退款进度怎么样了|钱一直没有退回来|能不能给我退一部分钱",
        "delivery": "{item}什么时候到|我的{item}还没有收到|物流信息好几天没有更新了|快递还没到|包裹送错地址了|{item}发货了吗|"
        "等了一天也没有人送货|快递单号查不到|说好周二送到的|能不能改一下收货地址|什么时候可以发货|派送员没有联系我",
        "broken": "{item}收到的时候就坏了|{item}用了两天就不能用了|{item}开不了机|{item}少了一个零件|{item}有裂痕，想换一个|"
        "{item}有奇怪的声音|外包装压坏了，{item}有划痕|{item}质量有问题|还在保修期内，{item}出故障了|屏幕不亮|要求换货，{item}是坏的",
        "account": "我登录不了|忘记密码了|收不到重置密码的邮件|账号被锁定了|请帮我修改账号绑定的邮箱|收不到验证码|有人盗用了我的账号|"
        "怎么注销账户|网站提示密码错误|换了手机以后无法登录|想修改用户名",
        "invoice": "请给我开{item}的发票|发票抬头写错了|需要带税号的发票|在哪里下载电子发票|发票上的地址不对|财务需要发票复印件|"
        "三月份的订单能开一张发票吗|发票税额好像不对|请补开增值税专用发票|还没有收到发票",
        "cancel": "请取消{item}的订单|我要取消订阅|不要自动续费了|{item}下错单了，请取消|发货之前还能取消吗|不想要{item}了，取消订单|"
        "月底终止合同|怎么取消会员|没发出的都取消吧",
        "advice": "{item}还有别的颜色吗|{item}应该选多大的尺码|{item}有现货吗|这两款有什么区别|学生有优惠吗|小房间适合放{item}吗|"
        "有配件卖吗|买十件{item}多少钱|{item}什么时候补货|能推荐类似{item}的吗|和其他牌子兼容吗",
        NONE: "我们可以帮你们做网站推广|请问你们招人吗|我是学生，在写关于贵公司的论文|恭喜你们获奖|请忽略我上一封邮件|"
        "希望成为贵公司的供应商|媒体联系人是谁|今天天气不错|邀请参加会议|打错电话了，抱歉",
    },
}
BEFORE = {
    "en": "Hello, |Hi |Hi there, |Good morning. |Dear team, |hey |||||To whom it may concern: |Hello again, |"
    "Hi, I have a question: ",
    "zh": "你好，|您好，|客服你好，|请问，|在吗？|||||麻烦问一下，|早上好。|",
}
AFTER = {
    "en": ".|!|?| please help.| Thanks| thank you very much.| This is really annoying.| I am a customer since 2015.| My "
    "order number is 4711-{n}.| Order {n}.| Kind regards, Anna|||| Please answer soon, it is urgent.| I have already "
    "written twice.| Sent from my phone",
    "zh": "。|！|？|谢谢|，请尽快处理。|，麻烦了。|，太让人失望了。|，我是老客户了。|，订单号 {n}。|||，很急。|，已经联系过两次了。",
}


def _spoilt(chance: random.Random, text: str) -> str:
    """As people type in a hurry."""
    if chance.random() < 0.3:
        text = text.lower()
    if len(text) > 6 and chance.random() < 0.35:
        at = chance.randrange(1, len(text) - 2)
        how = chance.randrange(3)
        swapped = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
        text = (swapped, text[:at] + text[at + 1 :], text[:at] + text[at] + text[at:])[how]
    return text


def _written(chance: random.Random, language: str, intent: str) -> tuple[str, str]:
    """The text, and the piece that it was made from."""
    piece = want = chance.choice(WANTS[language][intent].split("|"))
    if chance.random() < 0.2:  # people want two things at once
        joint = {"en": ". ", "zh": "。"}[language]
        want += joint + chance.choice(WANTS[language][intent].split("|"))
    item = chance.choice(ITEMS[language].split("|"))
    text = chance.choice(BEFORE[language].split("|")) + want + chance.choice(AFTER[language].split("|"))
    text = text.replace("{item}", item).replace("{n}", str(chance.randrange(10_000, 99_999)))
    return _spoilt(chance, text), piece


def corpus(
    language: str, count: int = 500, seed: int = 1, wrong: float = 0.03, by_piece: bool = False
) -> list[Example]:
    """So many cases, each of a customer of its own; ``wrong`` of them were labelled wrongly. With ``by_piece`` whatever
    was made from one piece is of one customer, so that no sentence is both learnt and asked about."""
    chance = random.Random(f"{language} {seed}")
    intents = list(WANTS[language])
    made = []
    for i in range(count):
        intent = intents[i % len(intents)]
        text, piece = _written(chance, language, intent)
        label = chance.choice(intents) if chance.random() < wrong else intent
        made.append(Example(text, label, piece if by_piece else f"{language}-{i}"))
    return made
