"""Hard examples for the toxicity classifier: words with rude substrings, brands, things for sale, insulted buyers.

The ads of the data contain few of them, and a classifier of character n-grams has to be shown. Whether an animal is a
toy or an insult, only the words beside it tell.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from inference.facts.lexicon import list_nouns
from inference.masking.morphology import get_noun_lemma, inflect
from training.data.comments import split_words

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
    идиллия дебют дебет волочь поддонки народ огород урожай сучкорез сучковатый козлы мудрец херес хула хулахуп
    пиджак пиджачок бутылка бутыль соска барабан лобзик рашгард худи бадлон кастрюля пуф клюшка скребок гондольер
    спиннинг тётка баба бабушкин ублаготворить мандолина педометр трахея психолог
    """,
    )
)
GADGETS = tuple(
    re.findall(
        r"\S+",
        """
    Bluetooth JBL USB Wi-Fi iPhone iPad MacBook AirPods PlayStation Xbox Nintendo Switch GoPro Canon Nikon Sony
    Huawei Honor Realme Redmi Dyson Tefal Moulinex Polaris Vitek Lenovo Asus Acer MSI Intel AMD GeForce Radeon SSD
    HDMI Full HD LED Android Windows Lego Barbie Hot Wheels Nerf Graco Chicco Avent Pampers Huggies Makita Dewalt
    Stihl Karcher headphones speaker keyboard mouse charger phone case backpack dress jacket shoes boots hat shirt
    jeans hoodie
    """,
    )
)
INSULTS = (
    "fuck you", "fuck off", "fucking shit", "motherfucker", "bitch", "you are a bitch", "son of a bitch", "asshole",
    "bullshit", "shit", "dickhead", "suck my dick", "cunt", "whore", "slut", "nigger", "faggot", "bastard", "wanker",
    "retard", "stupid idiot", "piece of shit", "what the fuck", "go to hell", "kiss my ass", "pussy", "jerk off",
)  # fmt: skip

INSULT_NOUNS = tuple(
    re.findall(
        r"\S+",
        """
    кретин дебил идиот придурок урод дурак тупица мразь тварь сволочь подонок ублюдок гнида падла лох скотина
    мудак отморозок имбецил недоумок дегенерат шлюха проститутка сука стерва паразит выродок нищеброд алкаш быдло
    мерзавец негодяй хам псих болван балбес олух недоносок торгаш
    """,
    )
)
ANIMALS = tuple(
    re.findall(
        r"\S+",
        """
    козёл баран осёл свинья собака корова курица крыса змея жаба овца обезьяна петух кобыла
    """,
    )
)
_INSULTED = (
    *("{dative} не звонить", "{dative} не писать", "{dative} просьба не беспокоить", "{plural} мимо"),
    *("{plural}, не пишите", "достали {plural}", "одни {plural} пишут", "ты {single}"),
)
_SOLD = (
    *("{single}-копилка", "игрушка {single}", "{single} мягкая игрушка", "статуэтка {single}", "{single} игрушка"),
    *("{single} сувенир", "{single} из дерева", "{single} деревянный", "маска {genitive}", "костюм {genitive}"),
    *("{single} для сада", "{single} для пилки дров", "{single} фарфоровый", "{single} спортивный", "{plural} на елку"),
)
_FOR_SALE = ("{}", "{} новый", "{}, 500 р", "продам {}", "отдам {} даром", "{} бу", "{} с чехлом")


def build_insults() -> list[str]:
    """Return insults of buyers: «кретинам не звонить», also with animals."""
    return [phrase for noun in (*INSULT_NOUNS, *ANIMALS) for phrase in _inflect_phrases(_INSULTED, noun)]


def build_goods(nouns: Iterable[str], rnd: random.Random) -> list[str]:
    """Return ads of things: animals as toys, everything that the lexicon knows, and a phrase for each of `nouns`."""
    toys = [phrase for animal in ANIMALS for phrase in _inflect_phrases(_SOLD, animal)]
    names = (*list_nouns(), *GADGETS, *(form for word in WORDS for form in _list_forms(word)))
    known = [phrase.format(name) for name in names for phrase in _FOR_SALE]
    return [*toys, *known, *(rnd.choice(_FOR_SALE).format(noun) for noun in nouns)]


def find_harmless_nouns(toxic: Sequence[str], neutral: Iterable[str], rude: Iterable[str]) -> list[str]:
    """Return the nouns of neutral texts, sorted, that are no rude words and not more common in insults."""
    often, seldom = Counter(split_words(" ".join(toxic))), Counter(split_words(" ".join(neutral)))
    harmless = (word for word in seldom.keys() - {*rude, *INSULT_NOUNS} if often[word] <= seldom[word])
    return sorted(word for word in harmless if get_noun_lemma(word) == word)


def _list_forms(word: str) -> set[str]:
    forms = (inflect(word, {number, case}) for number in ("sing", "plur") for case in ("nomn", "gent", "datv", "ablt"))
    return {word, *filter(None, forms)}


def _inflect_phrases(phrases: Iterable[str], noun: str) -> Iterator[str]:
    cases = {"dative": {"plur", "datv"}, "plural": {"plur", "nomn"}, "genitive": {"sing", "gent"}}
    forms = {name: inflect(noun, grammemes) or noun for name, grammemes in cases.items()}
    return (phrase.format(single=noun, **forms) for phrase in phrases)
