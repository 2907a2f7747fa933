"""Made captions that mean something: pictures of known things in known places, and questions about them.

Every picture has a topic; its sentences, tags and visible text are put together from the topic's words, so what a query should
find is known. Beside them stand made words whose frequencies follow Zipf's law, as names do.
"""

from __future__ import annotations

from dataclasses import dataclass

from bench.library import Writer

_COLORS = ("red", "blue", "green", "yellow", "white", "black", "grey", "brown", "orange", "silver", "purple", "pink")
_ADJECTIVES = [
    "old",
    "new",
    "small",
    "large",
    "rusty",
    "shiny",
    "wet",
    "dusty",
    "broken",
    "quiet",
    "crowded",
    "bright",
    "dark",
    "sunny",
    "snowy",
    "foggy",
    "empty",
    "narrow",
]
_TIMES = (
    "at night", "in the morning", "at sunset", "in the rain", "in the snow", "on a sunny day", "in thick fog", "at noon",
    "in autumn", "in spring", "during a storm", "under a clear sky",
)  # fmt: skip
TOPICS: dict[str, tuple[str, str, str, str]] = {
    "vehicle": (
        "truck van car taxi bus motorcycle bicycle tractor ambulance lorry",
        "parked,waiting,turning,stopping,driving slowly,being loaded",
        "at a gate,on a motorway,in a car park,at a crossing,beside a warehouse,in front of a garage",
        "traffic road transport wheels driver",
    ),
    "animal": (
        "dog cat horse cow sheep fox deer squirrel owl eagle goat rabbit",
        "running,sleeping,eating,looking into the camera,playing,hiding",
        "on a beach,in a meadow,behind a fence,in a forest,on a sofa,next to a barn",
        "wildlife pet fur farm nature",
    ),
    "food": (
        "pizza salad soup cake bread steak sandwich pancake noodles curry",
        "served,steaming,cut into slices,half eaten,being prepared,arranged",
        "on a wooden table,on a white plate,in a kitchen,at a street market,in a restaurant,beside a glass of wine",
        "dinner cooking meal kitchen dessert",
    ),
    "people": (
        "child woman man couple crowd musician nurse carpenter bride photographer",
        "smiling,dancing,walking,waiting,talking,carrying an umbrella",
        "in a park,on a bridge,at a wedding,in an office,at a bus stop,on a stage",
        "portrait family friends party event",
    ),
    "sea": (
        "boat ship lighthouse harbour ferry pier wave seagull island sailor",
        "drifting,arriving,glowing,anchored,rocking,lying still",
        "off the coast,near the cliffs,in the harbour,on the horizon,in a bay,along the shore",
        "ocean coast water sailing beach",
    ),
    "mountain": (
        "peak glacier hiker cabin valley waterfall climber lake trail ridge",
        "covered in clouds,reflected in water,glowing,seen from above,hidden,melting",
        "in the mountains,above the tree line,in a national park,at the summit,below a cliff,by a camp",
        "hiking landscape alps outdoor adventure",
    ),
    "city": (
        "tower church museum skyscraper square statue fountain station tram street",
        "under construction,lit up,reflected in a window,decorated,half demolished,surrounded by tourists",
        "in the old town,downtown,beside the river,near the market,in the suburbs,behind the cathedral",
        "architecture urban building skyline travel",
    ),
    "sport": (
        "football goalkeeper runner swimmer tennis cyclist skier stadium referee surfer",
        "jumping,scoring,falling,celebrating,training,racing",
        "on a pitch,in a stadium,on a slope,in a pool,on a track,at the finish line",
        "match team training competition winner",
    ),
    "office": (
        "computer printer whiteboard desk meeting keyboard screen telephone server notebook",
        "covered in notes,switched off,blinking,being repaired,stacked,connected",
        "in a meeting room,in a data centre,on a desk,at a reception,in a laboratory,in an open office",
        "work business technology project team",
    ),
    "garden": (
        "rose tulip oak cactus greenhouse hedge sunflower orchard mushroom butterfly",
        "in bloom,withering,freshly watered,covered in dew,growing,cut back",
        "in a garden,on a balcony,in a greenhouse,beside a path,in a flower pot,under a tree",
        "flower plant gardening leaves botany",
    ),
    "document": (
        "invoice receipt passport contract letter map certificate ticket menu newspaper",
        "signed,folded,stamped,torn,scanned,highlighted",
        "on a desk,in an envelope,pinned to a board,in a folder,on a counter,beside a pen",
        "paper scan text record archive",
    ),
    "security": (
        "camera guard fence alarm barrier door corridor intruder badge helmet",
        "left open,recorded,moving,unattended,blocked,opened",
        "at an entrance,in a stairwell,at a loading dock,at a checkpoint,in a basement,on a construction site",
        "surveillance safety access patrol warehouse",
    ),
}
_SIGNS = (
    "NO ENTRY", "EXIT", "PLEASE RING THE BELL", "SALE 50%", "OPEN 9 TO 5", "PARKING", "TOTAL 45.90 EUR", "WELCOME",
    "CAUTION WET FLOOR", "PLATFORM 3",
)  # fmt: skip
UNRELATED = (
    "quantum chromodynamics lecture", "mortgage interest rates", "medieval tax law", "protein folding", "opera libretto",
    "kubernetes deployment yaml", "election results parliament", "philosophy of language", "chess opening theory",
    "volcanic ash chemistry", "xylophone concerto", "dinosaur skeleton", "spaceship docking manoeuvre", "dental surgery",
    "violin maker varnish", "submarine sonar", "poker tournament rules", "beekeeping honey yield", "pyramid of giza",
    "cryptocurrency wallet",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Caption:
    """The texts of one made picture, and what it shows."""

    topic: str
    subject: str
    color: str
    title: str | None
    tags: list[str]
    description: str
    visible_text: str | None


class CaptionWriter:
    """Makes pictures' texts; the same seed gives the same ones."""

    def __init__(self, seed: int, *, measured_share: float = 0.5) -> None:
        self.writer = Writer(seed)
        self.chance = self.writer.chance
        self._measured_share = measured_share

    def scene(self) -> tuple[str, str, str, str]:
        """(topic, subject, colour, sentence) of a picture."""
        chance = self.chance
        topic = chance.choice(list(TOPICS))
        subjects, actions, places, _ = TOPICS[topic]
        subject, color = chance.choice(subjects.split()), chance.choice(_COLORS)
        second = chance.choice(TOPICS[topic][0].split())
        sentence = (
            f"a {chance.choice(_ADJECTIVES)} {color} {subject} {chance.choice(actions.split(','))} "
            f"{chance.choice(places.split(','))} {chance.choice(_TIMES)}"
        )
        if chance.random() < 0.5:
            sentence += (
                f", with a {chance.choice(_COLORS)} {second} {chance.choice(('behind it', 'beside it', 'far away'))}"
            )
        return topic, subject, color, sentence

    def caption(self) -> Caption:
        """One picture: half of them described by measurement alone, so that title and tags have to say what it is."""
        chance = self.chance
        topic, subject, color, sentence = self.scene()
        is_measured = chance.random() < self._measured_share
        title = None
        if chance.random() < (0.9 if is_measured else 0.4):
            title = f"{chance.choice(_ADJECTIVES)} {color} {subject}".capitalize()
            if chance.random() < 0.5:
                title += " " + " ".join(self.writer.words(1, 3)).title()
        words = [*TOPICS[topic][3].split(), topic, subject]
        tags = list(dict.fromkeys(chance.choices(words, k=chance.randint(0, 4))))
        visible_text = None
        if chance.random() < 0.35:
            visible_text = f"{chance.choice(_SIGNS)}\n{' '.join(self.writer.words(2, 40)).upper()}"
        if is_measured:
            wide, high = chance.choice(((4032, 3024), (3024, 4032), (6000, 4000), (1920, 1080)))
            description = (
                f"A photo in {'landscape' if wide > high else 'portrait'} format, {wide} x {high} pixels "
                f"({wide * high / 1e6:.1f} megapixels), taken on {chance.randint(1, 28)} May {chance.randint(2005, 2025)} with "
                f"a Canon EOS R6 (RF 24-105mm F4 L IS USM, 50 mm, f/5.6, 1/250 s, ISO 200). Its main colours are {color} "
                f"({chance.randint(20, 60)} %), {chance.choice(_COLORS)} (15 %) and dark {chance.choice(_COLORS)} (9 %)."
            )
            if visible_text:
                description += f' The text reads: "{" ".join(visible_text.split())}".'
        else:
            description = sentence.capitalize() + "."
            if chance.random() < 0.5:
                description += (
                    f" The picture shows {self.scene()[3] if chance.random() < 0.2 else topic} and {topic} details."
                )
        return Caption(topic, subject, color, title, tags, description, visible_text)

    def query(self) -> tuple[str, str, str]:
        """(text, topic, subject) of a question in one to six words."""
        chance = self.chance
        topic, subject, color, sentence = self.scene()
        places = TOPICS[topic][2].split(",")
        text = chance.choice((
            subject,
            f"{color} {subject}",
            f"{subject} {chance.choice(places)}",
            f"{chance.choice(_ADJECTIVES)} {color} {subject}",
            f"{color} {subject} {chance.choice(places)}",
            " ".join(sentence.split(",")[0].split()[:6]),
        ))  # fmt: skip
        return text, topic, subject
