"""Hard negatives for the toxicity classifier: words with rude substrings («хлебница», «застрахуй»), brands.

The ads of the data contain few of them, and a classifier of character n-grams has to be shown. English insults are
listed as well.
"""

from __future__ import annotations

import re

BRANDS = (
    "Hugo Boss", "Huawei", "Hummel", "Uniqlo", "Zara", "H&M", "Mango", "Nike", "Adidas", "Reebok", "Puma", "Asics",
    "New Balance", "Fila", "Kappa", "Umbro", "Columbia", "The North Face", "Helly Hansen", "Jack Wolfskin", "Salomon",
    "Quechua", "Decathlon", "Lacoste", "Fred Perry", "Tommy Hilfiger", "Calvin Klein", "Guess", "Levi's", "Wrangler",
    "Lee Cooper", "Diesel", "Dsquared2", "Dolce & Gabbana", "Gucci", "Prada", "Chanel", "Versace", "Armani",
    "Burberry", "Michael Kors", "Max Mara", "Massimo Dutti", "Pull and Bear", "Bershka", "Stradivarius", "Oysho",
    "Reserved", "Cropp", "House", "Sinsay", "Mohito", "Befree", "Love Republic", "Zarina", "Sela", "Gloria Jeans",
    "O'stin", "Ostin", "Finn Flare", "Baon", "Incity", "Concept Club", "Oodji", "Modis", "Kari", "Ecco", "Rieker",
    "Geox", "Crocs", "Vans", "Converse", "Dr. Martens", "Timberland", "UGG", "Skechers", "Under Armour", "Uhlsport",
    "Benetton", "Sisley", "Marc O'Polo", "Esprit", "Tom Tailor", "Camaieu", "Kiabi", "Okaidi", "Zolla", "Next",
    "Marks & Spencer", "George", "Primark", "Shein", "Asos", "Boohoo", "Monki", "Weekday", "Cos", "Arket", "Carhartt",
    "Dickies", "Stone Island", "CP Company", "Supreme", "Off-White", "Balenciaga", "Moncler", "Canada Goose",
    "Demix", "Outventure", "Termit", "Nordway", "Bosco Sport", "Forward", "Lassie", "Reima", "Kerry", "Huppa",
    "Acoola", "Mothercare", "Carter's", "Gap", "Old Navy", "Hollister", "Abercrombie & Fitch", "American Eagle",
    "Gulliver", "Parajumpers", "Samsung", "Apple", "Xiaomi", "Bosch", "Philips", "Braun", "Ikea", "Manduca",
)  # fmt: skip
WORDS = tuple(
    re.findall(
        r"\S+",
        """
    мандарин мандарины мандариновый мандат команда командировка застрахуй застрахуем подстрахуй подстрахует психуй
    психует хулиган хулиганка хулигана лохматый лохматая лохматые лохмотья чебурашка чебурашки чебурашкой гребля
    грести гребень колебания колебаться потребляет потребление хлебница хлебный хлебушек хлеба сабля рубля рублями
    корабля кораблик оскорблять употреблять употреблялся барсук барсуки сучок сучья суккулент мудрый мудрость изумруд
    изумрудный педикюр педаль педали педагог скипидар херсон херувим гадюка гадкий гадать погадать
    угадать дурман дурацкий дурашливый подурачиться туплю тупой тупик ступни ступенька козлик козлята
    козерог кобель кобели суки собаки щенки попа попой членский член членами яйца яйцо сосиски
    соска соски сосна шлюпка шлюз убывать убить убитый
    свинка ослик петушок жираф обезьяна крыски
    голубой голубая гейзер трахея трахеит страховка страховать перестраховка треплет траты утрата
    ебеновый эбеновый эбонит себя тебя небо ребёнок требует требования серебро дребезжит погреб судебный учебник
    лебедь лебёдка стебель мебель щебень молебен бляха бляшка бляшки ансамбля дубля кабеля сноб рыбалка сабо
    аббревиатура спереди перед передник говорит говяжий говядина дрожжи поддон гондола
    морозец сраженье срастить срочно сравнить срам сраму рассрочка рассрочку ссора ссорятся писать пишите
    насос насосы сосуд посуда находка нахожусь нахлыст нахимов находится чертёж чертовски
    идиллия дебют дебет волочь поддонки народ огород урожай
    """,
    )
)
INSULTS = (
    "fuck you", "fuck off", "fucking shit", "motherfucker", "bitch", "you are a bitch", "son of a bitch", "asshole",
    "bullshit", "shit", "dickhead", "suck my dick", "cunt", "whore", "slut", "nigger", "faggot", "bastard", "wanker",
    "retard", "stupid idiot", "piece of shit", "what the fuck", "go to hell", "kiss my ass", "pussy", "jerk off",
)  # fmt: skip
