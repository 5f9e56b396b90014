"""Words to make names, sentences and keys of. Chosen for this project; nothing is copied from a corpus."""

from __future__ import annotations

from random import Random

_ADJECTIVES = """\
able amber ample ancient arctic autumn awake bitter blank bold brave brief bright brisk broad broken bronze busy
calm careful cheap chilly civil clean clear clever coastal cold common copper coral cosy crisp curious daily damp
dark dear deep dense distant double dry dull dusty eager early earnest eastern easy elder empty equal even exact
faint fair famous fancy fast fertile fierce final firm flat foreign formal fragile frank fresh frozen gentle giant
glad golden grand grave great grey handy happy hardy heavy hidden hollow honest humble idle inner iron ivory jolly
keen kind large late lazy level light linen little lively local lofty lone loud lucky lunar marble mellow merry mild
misty modern modest narrow native neat noble northern novel olive open orange orderly pale patient plain polite
prime proud purple quick quiet rapid rare ready remote rich rigid round royal rural rustic sandy scarce secret
shallow sharp short silent silver simple slender slow small smooth sober soft solar solid southern spare steady
steep stern stone straight strange strong subtle sudden sunny swift tall tame tender thick thin tidy tiny urban
usual vast velvet vivid warm weary western wide wild windy wise wooden young
"""
_NOUNS = """\
acorn actor anchor apple apron archer arrow artist atlas badge baker bakery balcony banner barley barrel basin
basket beacon beaver bell bench berry blanket blossom boat bottle bowl branch brick bridge broom brush bucket button
cabin cable camel camera candle canoe canyon carpet carriage castle cedar cellar chair chapel chart chest chimney
cider circle clock cloud coach coin column comet compass cottage cradle crane creek crown curtain daisy dancer desk
diary door dragon drawer drum eagle easel elbow engine engraver falcon farmer feather fence fern ferry fiddle field
finch flag flame flute forest fountain fox garden garlic gate glove goat goose granite grape grove guitar hammer
harbour harvest hat hawk hedge helmet heron hill hinge horn horse island jacket jar jewel kettle key kitchen kite
ladder lake lamp lantern lemon letter library lighthouse lily lizard lobster locket maple market mast meadow medal
melon mill mirror mitten monkey moth mountain museum needle nest notebook oak oar oasis orchard otter oven owl
paddle painter palace paper parcel parrot path pear pebble pencil pepper piano pigeon pillow pilot pine planet
plough pocket pond poppy pottery pumpkin puzzle quarry quilt rabbit raft rail raven ribbon ring river robin roof
rope rose saddle sailor salmon sandal sardine scarf school sculptor shed shell shield ship shovel spade spider spoon
stable statue stove stream swan table tailor teapot temple thimble thistle ticket tiger tower trumpet tulip tunnel
turtle valley vase village violin wagon walnut weaver well whale wheel willow window wolf yacht zebra
"""
_FIRST_NAMES = """\
Abel Agnes Alma Anton Astrid Basil Bruno Carla Cedric Clara Conrad Cora Dora Edgar Edith Elsa Emil Esther Felix
Flora Gustav Greta Hedda Henrik Hugo Ida Ingrid Irma Jakob Johan Judith Karl Klara Laurel Leopold Linus Lydia Magnus
Martha Matilda Milo Nora Olga Oscar Otto Paula Petra Rosa Rufus Selma Silas Simon Stella Tilda Ursula Vera Viktor
Walter Wanda Willem
"""
_PLACES = (
    "Alden Birch Corn Dun Elm Fair Glen Hazel Kings Lang Mar Nor Oak Pen Quill Raven Stan Thorn Wal Wyn",
    "bury dale ford gate ham haven ley mere port ridge stead wick",
)
_LAST_NAMES = (
    "Ander Berg Carl Dahl Eke Falk Grun Holm Jans Kess Lind Mor Nys Oster Pel Rosen Sand Tall Ves Win",
    "aker berg dahl gren hart lund mann quist sen strom",
)


def _joined(beginnings: str, ends: str) -> tuple[str, ...]:
    """Every beginning with every end."""
    return tuple(f"{first}{second}" for first in beginnings.split() for second in ends.split())


ADJECTIVES, NOUNS, FIRST_NAMES = tuple(_ADJECTIVES.split()), tuple(_NOUNS.split()), tuple(_FIRST_NAMES.split())
PLACES, LAST_NAMES = _joined(*_PLACES), _joined(*_LAST_NAMES)


def pair_of_words(random: Random) -> str:
    """A key of two words, such as "amber-lantern"."""
    return f"{random.choice(ADJECTIVES)}-{random.choice(NOUNS)}"


def distinct(random: Random, count: int, *, avoid: tuple[str, ...] = ()) -> list[str]:
    """`count` different pairs of words, none of `avoid`. Raises ValueError for more than half of all pairs."""
    if count > len(ADJECTIVES) * len(NOUNS) // 2:
        raise ValueError(f"expected at most {len(ADJECTIVES) * len(NOUNS) // 2} different pairs, found {count}")
    found = dict.fromkeys(avoid)
    wanted = len(found) + count
    while len(found) < wanted:
        found[pair_of_words(random)] = None
    return list(found)[len(found) - count :]
