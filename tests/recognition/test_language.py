"""Which language a text is in; and that nobody pretends to know."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contact_center.recognition.language import SURE, UNKNOWN, Language, language_of
from tests.recognition.corpus import corpus

SENTENCES = {
    "en": "My parcel has not arrived yet and the tracking page shows nothing.",
    "de": "Guten Tag, meine Bestellung ist noch nicht angekommen, können Sie bitte nachsehen?",
    "fr": "Bonjour, je n'ai pas encore reçu ma commande, pouvez-vous m'aider ?",
    "es": "Hola, todavía no he recibido mi pedido, ¿me pueden ayudar por favor?",
    "it": "Buongiorno, non ho ancora ricevuto il mio ordine, potete aiutarmi?",
    "pt": "Olá, ainda não recebi a minha encomenda, onde ela está? Muito obrigada",
    "nl": "Hallo, ik heb mijn bestelling nog niet ontvangen, kunt u mij helpen?",
    "sv": "Hej, jag har inte fått min beställning ännu, kan ni hjälpa mig?",
    "da": "Hej, jeg har ikke fået min ordre endnu, hvornår kommer den?",
    "pl": "Dzień dobry, nie dostałem jeszcze mojego zamówienia, czy mogą państwo pomóc?",
    "tr": "Merhaba, siparişim hala gelmedi, bana yardım eder misiniz lütfen?",
    "vi": "Xin chào, tôi chưa nhận được đơn hàng của tôi, khi nào có?",
    "id": "Halo, pesanan saya belum sampai, tolong bantu saya untuk cek dengan kurir ini",
    "zh": "你好，我的快递还没有收到，请帮我查一下。",
    "ja": "こんにちは、注文した商品がまだ届いていません。",
    "ko": "안녕하세요, 주문한 상품이 아직 도착하지 않았습니다.",
    "th": "สวัสดีค่ะ ยังไม่ได้รับสินค้า",
    "ru": "Здравствуйте, мой заказ ещё не пришёл, где он и когда его ждать?",
    "uk": "Добрий день, моє замовлення ще не прийшло, коли його чекати і де воно?",
    "ar": "مرحبا، لم يصل طلبي حتى الآن، أين هو من فضلك؟",
    "el": "Καλημέρα, η παραγγελία μου δεν έχει φτάσει",
    "he": "שלום, ההזמנה שלי עדיין לא הגיעה",
    "hi": "नमस्ते, मेरा ऑर्डर अभी तक नहीं आया",
}


@pytest.mark.parametrize("code", SENTENCES)
def test_a_sentence_is_enough(code: str) -> None:
    assert language_of(SENTENCES[code]).code == code


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "hi",
        "ok",
        "Hello",
        "danke",
        "4711",
        "👍👍👍",
        "?!…",
        "INVOICE.PDF",
        "Kauf Lux Typo",
        "https://the.and/you",
    ],
)
def test_what_is_too_short_to_tell_is_unknown(text: str) -> None:
    told = language_of(text)
    assert told.code == ""
    assert told.confidence < SURE


def test_two_languages_at_once_are_neither() -> None:
    assert language_of("где мой заказ please tell me where it is").code == ""


def test_a_brand_name_in_a_chinese_sentence_leaves_it_chinese() -> None:
    assert language_of("我的 iPhone 订单没有收到，请帮我查一下").code == "zh"


def test_characters_of_another_width_or_split_accents_change_nothing() -> None:
    assert language_of("Ｍｙ ｐａｒｃｅｌ ｈａｓ ｎｏｔ ａｒｒｉｖｅｄ ｙｅｔ, ｗｈｅｒｅ ｉｓ ｉｔ?").code == "en"
    assert language_of("Bonjour, je n'ai pas rec\u0327u ma commande, pouvez-vous m'aider ?").code == "fr"


@pytest.mark.parametrize("code", ["en", "zh"])
def test_of_a_few_hundred_cases_hardly_any_is_called_wrongly(code: str) -> None:
    told = [language_of(each.text).code for each in corpus(code, 400)]
    named = [each for each in told if each]
    assert sum(each == code for each in named) >= 0.99 * len(named)
    assert len(named) >= (0.97 if code == "zh" else 0.6) * len(told)


@given(st.text(max_size=3_000))
def test_any_text_has_an_answer_and_always_the_same(text: str) -> None:
    told = language_of(text)
    assert told == language_of(text)
    assert 0 <= told.confidence <= 1
    assert (told.code != "") == (told.confidence >= SURE)


@given(st.text(alphabet=st.characters(categories=["P", "S", "N", "Z"]), max_size=100))
def test_without_letters_there_is_no_language(text: str) -> None:
    assert language_of(text).code == ""


@pytest.mark.parametrize("signs", ["฿฿฿ 100", "㉠㉡㉢", "৳৳৳৳", "㊗㊗㊗㊗", "Ⓣⓗⓔ ⓐⓝⓓ"])
def test_a_sign_is_no_letter(signs: str) -> None:
    assert language_of(signs) == UNKNOWN


def test_only_the_beginning_is_read() -> None:
    assert language_of("我的快递还没有收到" + " the and you" * 100_000).code in ("", "zh", "en")
    assert language_of("\u0301" * 1_000_000) == UNKNOWN
    assert isinstance(language_of("ﷺ" * 1_000_000), Language)
