"""Texts in the encodings that people bring, written for these tests."""

TEXTS = {
    "English, curly quotes": (
        "cp1252",
        "“It’s a fine day,” said the fox, “isn’t it?” The crow didn’t answer; she had seen such a smile before.\n"
        "The fox went on to the wood – and met a hen who would’ve liked to speak to him…\n",
    ),
    "German": (
        "cp1252",
        "Der Fuchs ging über die Straße und hörte die Mädchen im Garten lachen. Früher, so erzählte man, wären hier\n"
        "große Bäume gewesen; jetzt stünden nur noch Häuser da. „Schön ist’s nicht“, sagte er.\n",
    ),
    "French on a Mac": (
        "mac-roman",
        "Le renard était assis près de la fenêtre où l’été entrait déjà. « Ça ne me plaît guère », dit-il à sa mère,\n"
        "qui préparait le dîner. L’hôtel d’à côté fermait ses volets très tôt.\n",
    ),
    "Polish": (
        "iso8859-2",
        "Lis poszedł nad rzekę i usłyszał, że dziewczęta śmieją się w ogrodzie. Dawniej rosły tu wielkie drzewa;\n"
        "teraz stoją już tylko domy. Źle się dzieje, powiedział cicho i poszedł dalej. Gdzieś żółw jadł gęś.\n",
    ),
    "Czech": (
        "cp1250",
        "Liška šla přes řeku a slyšela, jak se dívky smějí v zahradě. Dříve tu rostly veliké stromy; teď už tu stojí\n"
        "jen domy. „To se mi nelíbí,“ řekla tiše a šla dál. Žluťoučký kůň úpěl ďábelské ódy.\n",
    ),
    "Russian on Windows": (
        "cp1251",
        "Лиса пошла через реку и услышала, как девочки смеются в саду. Раньше здесь росли большие деревья; теперь\n"
        "стоят одни дома. «Не нравится мне это», — сказала она тихо и пошла дальше.\n",
    ),
    "Russian on Unix": (
        "koi8-r",
        "Лиса пошла через реку и услышала, как девочки смеются в саду. Раньше здесь росли большие деревья; теперь\n"
        "стоят одни дома. Не нравится мне это, сказала она тихо и пошла дальше.\n",
    ),
    "Greek": (
        "cp1253",
        "Η αλεπού πέρασε το ποτάμι και άκουσε τα κορίτσια να γελούν στον κήπο. Άλλοτε εδώ μεγάλωναν ψηλά δέντρα·\n"
        "τώρα στέκουν μόνο σπίτια. Δεν μου αρέσει αυτό, είπε σιγά και έφυγε.\n",
    ),
    "Turkish": (
        "cp1254",
        "Tilki nehri geçti ve bahçede kızların güldüğünü işitti. Eskiden burada büyük ağaçlar yetişirdi; şimdi yalnız\n"
        "evler duruyor. Bu hoşuma gitmiyor, dedi usulca ve yoluna devam etti. İşte böyle çağlar geçti.\n",
    ),
    "Hebrew": (
        "cp1255",
        "השועל עבר את הנהר ושמע את הבנות צוחקות בגן. פעם גדלו כאן עצים גדולים; עכשיו עומדים כאן רק בתים.\n"
        "זה לא מוצא חן בעיני, אמר בשקט והלך הלאה.\n",
    ),
    "Arabic": (
        "cp1256",
        "عبر الثعلب النهر وسمع الفتيات يضحكن في الحديقة. كانت تنمو هنا في الماضي أشجار كبيرة، أما الآن فلا توجد\n"
        "إلا البيوت. هذا لا يعجبني، قال بهدوء ثم مضى.\n",
    ),
    "Thai": (
        "cp874",
        "สุนัขจิ้งจอกข้ามแม่น้ำและได้ยินเด็กหญิงหัวเราะอยู่ในสวน แต่ก่อนที่นี่มีต้นไม้ใหญ่ ตอนนี้เหลือแต่บ้านเรือน\n"
        "เขาพูดเบาๆ ว่าไม่ชอบเลย แล้วก็เดินต่อไป\n",
    ),
    "Japanese on Windows": (
        "cp932",
        "狐は川を渡り、庭で少女たちが笑うのを聞いた。昔はここに大きな木があったが、今は家ばかりだ。\n"
        "「気に入らないな」と彼は小さな声で言って、また歩き出した。カラスは何も言わなかった。\n",
    ),
    "Japanese on Unix": (
        "euc_jis_2004",
        "狐は川を渡り、庭で少女たちが笑うのを聞いた。昔はここに大きな木があったが、今は家ばかりだ。\n"
        "「気に入らないな」と彼は小さな声で言って、また歩き出した。カラスは何も言わなかった。\n",
    ),
    "Japanese in mail": (
        "iso2022_jp_2",
        "狐は川を渡り、庭で少女たちが笑うのを聞いた。昔はここに大きな木があったが、今は家ばかりだ。\n",
    ),
    "Korean": (
        "cp949",
        "여우는 강을 건너가 정원에서 소녀들이 웃는 소리를 들었다. 예전에는 이곳에 큰 나무들이 있었지만 지금은\n"
        "집들만 서 있다. 마음에 들지 않는다고 그는 조용히 말하고 다시 걸어갔다.\n",
    ),
    "Chinese": (
        "gb18030",
        "狐狸过了河，听见姑娘们在花园里笑。从前这里长着高大的树，如今只剩下房子了。\n"
        "“我不喜欢这样。”他轻声说着，又往前走去。乌鸦什么也没有说。\n",
    ),
    "Chinese in Taiwan": (
        "big5hkscs",
        "狐狸過了河，聽見姑娘們在花園裡笑。從前這裡長著高大的樹，如今只剩下房子了。\n"
        "「我不喜歡這樣。」他輕聲說著，又往前走去。烏鴉什麼也沒有說。\n",
    ),
}
