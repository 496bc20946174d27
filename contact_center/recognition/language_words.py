"""What tells languages apart: the small words that every sentence needs, and letters that few languages have."""

from __future__ import annotations

LITTLE_WORDS: dict[str, str] = {
    "en": "the and you that was for are with this have from they not but what all were when your can there an "
    "which their will about would them these some her him has had been who more could did than its how "
    "my i we is it of to in on at be do me by or if as am get please hello thanks thank our out still "
    "why where just any want need help does don doesn didn haven isn won got because again only after "
    "before very should cannot since",
    "de": "der die das und ist nicht ich sie mit dem den ein eine einen einem einer auf von zu im es auch als "
    "wie aber oder wenn nach bei aus noch nur so habe haben hat wird werden kann mein meine meinen "
    "meiner ihr ihre ihren wir uns mir mich sich bitte danke hallo guten tag warum wann wo was sehr "
    "geehrte schon keine kein bin sind war wurde zum zur seit immer ihnen doch mal da dass fur uber "
    "mochte konnen",
    "fr": "le la les des une un et est pas que qui dans pour sur avec je vous nous mon ma mes votre vos ce "
    "cette ces au aux du ne il elle ils sont ai avez avons mais ou comme plus tout tous bonjour merci "
    "svp quand comment pourquoi depuis toujours encore deja par sans leur ete etre fait suis lors puis "
    "donc aussi tres bien voudrais",
    "es": "el la los las una un y es no que en por para con mi mis su sus usted me se lo al del como pero mas "
    "muy hola gracias donde cuando quiero puedo tengo hay esta este esto estoy he ha han son ya todavia "
    "sin sobre desde ser fue favor buenos dias necesito porque cual le nos tambien hasta si solo "
    "quisiera",
    "it": "il lo la gli le una uno un e non che di del della dei per con mi mio mia miei vostro sono ho hai "
    "ha abbiamo come ma piu questo questa quando dove perche grazie buongiorno salve vorrei posso nel "
    "nella al alla ancora dal dalla si ci anche gia stato stata molto cosa sul sulla senza tutto degli "
    "delle",
    "pt": "o a os as um uma e nao que de do da dos das em no na para com por meu minha meus sua seu voce como "
    "mas mais muito ola obrigado obrigada onde quando quero posso tenho ainda ja esta este isso foi ser "
    "ao pelo pela estou bom dia sem sobre desde tambem porque fazer nos eu ate gostaria",
    "nl": "de het een en van ik te dat die in niet zijn is was op aan met als voor er maar om dan zou of wat "
    "mijn jullie uw u hebben heb heeft hij ze wij we ook bij nog naar uit kan kunnen wel geen graag "
    "hallo bedankt dank waar wanneer waarom hoe deze dit mij worden wordt al over",
    "sv": "och att det som en ett av for med den till inte jag ni han vi om har hade mitt min mina ert er era "
    "men kan var fran hej tack nar varfor hur detta denna dessa ska skulle mig oss eller efter hos aven "
    "ocksa ar pa",
    "da": "og at det som en et af for med den til ikke jeg du de vi om har havde mit min mine jeres men kan "
    "var fra hej tak hvornar hvorfor hvordan dette denne disse skal skulle mig os eller efter hos ogsa "
    "er pa hvor ved nar gerne vil",
    "pl": "i w nie na sie z do to jest ze jak ale o za co tak czy moje moj moja prosze dziekuje dzien dobry "
    "kiedy dlaczego gdzie mam mozna moge od po dla jestem byl byla juz tylko przez jeszcze panstwo chce "
    "bardzo zostal ktory mojego",
    "tr": "ve bir bu da de icin ile cok ama ne ben sen biz siz var yok mi degil gibi daha benim bana size "
    "lutfen merhaba tesekkurler nerede neden nasil zaman istiyorum olarak kadar sonra olan",
    "vi": "toi cua va la khong co cho duoc nhung voi cac mot trong da nay xin chao cam on khi nao sao muon rat",
    "id": "yang dan di ini itu saya anda tidak untuk dengan dari ke pada adalah akan sudah bisa ada apa kapan "
    "mengapa bagaimana tolong terima kasih halo belum juga atau kami mohon",
}
"""As :func:`contact_center.domain.search_words.fold` writes them, without accents."""

WRITTEN_ABOUT: dict[str, str] = {
    "en": "order orders refund delivery invoice account password package parcel cancel return money charged "
    "arrived working",
    "de": "bestellung rechnung lieferung konto passwort paket geld zuruck ruckerstattung angekommen",
    "fr": "commande facture livraison compte colis remboursement argent passe",
    "es": "pedido factura cuenta paquete reembolso dinero contrasena llegado",
    "it": "ordine fattura pacco rimborso conto soldi arrivato consegna",
    "pt": "pedido fatura encomenda reembolso conta dinheiro chegou senha",
    "nl": "bestelling factuur pakket rekening geld terug wachtwoord aangekomen levering",
    "sv": "bestallning faktura paket konto pengar pengarna tillbaka losenord leverans",
    "da": "bestilling faktura pakke konto penge tilbage adgangskode levering",
    "pl": "zamowienie faktura paczka konto zwrot pieniedzy haslo dostawa",
    "tr": "siparis siparisim fatura iade hesap para sifre kargo teslimat",
    "vi": "don hang hoa toan tien tai khoan mat khau giao",
    "id": "pesanan faktur pengembalian akun uang sandi paket kirim",
}
"""What people write about to a company, in whatever language: it tells as much as little words do."""

TELLING_LETTERS: dict[str, tuple[str, ...]] = {
    "ß": ("de",),
    "ä": ("de", "sv"),
    "ö": ("de", "sv", "tr"),
    "ü": ("de", "tr"),
    "é": ("fr", "es", "it", "pt"),
    "è": ("fr", "it"),
    "ê": ("fr", "pt", "vi"),
    "à": ("fr", "it"),
    "ù": ("fr", "it"),
    "ì": ("it",),
    "ò": ("it",),
    "œ": ("fr",),
    "ç": ("fr", "pt", "tr"),
    "ñ": ("es",),
    "¿": ("es",),
    "¡": ("es",),
    "á": ("es", "pt"),
    "í": ("es", "pt"),
    "ó": ("es", "pt", "pl"),
    "ã": ("pt", "vi"),
    "õ": ("pt", "vi"),
    "å": ("sv", "da"),
    "æ": ("da",),
    "ø": ("da",),
    "ł": ("pl",),
    "ą": ("pl",),
    "ę": ("pl",),
    "ż": ("pl",),
    "ś": ("pl",),
    "ć": ("pl",),
    "ğ": ("tr",),
    "ş": ("tr",),
    "ı": ("tr",),
    "đ": ("vi",),
    "ơ": ("vi",),
    "ư": ("vi",),
    "ạ": ("vi",),
    "ế": ("vi",),
}

CYRILLIC: dict[str, tuple[str, str]] = {
    "ru": ("ыэъё", "и в не на что я с как это по но у за от мой моя мне вы вас заказ где когда почему здравствуйте"),
    "uk": ("іїєґ", "і в не на що я з як це але у за від мій моя мені ви вас де коли чому добрий день"),
    "bg": ("", "и в не на че аз с как това по но за от моята ми вие къде кога защо здравейте съм беше със ще"),
    "sr": ("ђјљњћџ", "и у не на да сам се је са али за од мој моја ми ви где када зашто здраво"),
}
"""Letters and little words."""

ARABIC: dict[str, tuple[str, str]] = {
    "ar": ("ةىأإ", "في من على إلى أن هذا هذه لم لا ما متى كيف لماذا أين عن مع"),
    "fa": ("پچژگکی", "و در به از که این را با است برای من شما چرا کجا آیا می"),
    "ur": ("ٹڈڑںےہ", "کا کی کے ہے میں اور سے کو نہیں یہ آپ کیا کیوں"),
}
