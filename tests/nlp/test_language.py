"""Other languages are noticed, English names are not."""

import pytest

from labeling.nlp.language import foreign


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("de", "Die Rebellen haben am Freitag die Stadt Tadmor angegriffen, sagte der Außenminister in Genf."),
        ("fr", "Les rebelles ont attaqué vendredi la ville de Tadmor, a déclaré le ministre des Affaires étrangères."),
        ("es", "Los rebeldes atacaron el viernes la ciudad de Tadmor, dijo el ministro de Relaciones Exteriores."),
        ("ru", "Повстанцы атаковали город Тадмор в пятницу, заявил министр иностранных дел в Женеве."),
        ("uk", "Повстанці атакували місто Тадмор у п'ятницю, заявив міністр закордонних справ у Женеві."),
        ("ar", "هاجم المتمردون مدينة تدمر يوم الجمعة، وفق ما أعلن وزير الخارجية في جنيف."),
        ("zh", "外交部长在日内瓦表示，叛军星期五袭击了塔德莫尔市，数十人受伤。"),
        ("tr", "Dışişleri bakanı Cenevre'de isyancıların cuma günü Tadmor kentine saldırdığını söyledi."),
    ],
)
def test_foreign_names_the_other_language(code: str, text: str):
    assert foreign(text, "en") == code
    assert foreign(text, code) is None


@pytest.mark.parametrize(
    "text",
    [
        "Djokovic beats Nadal, Alcaraz edges Tsitsipas, Medvedev retires",
        "Bundesliga: Müller, Kimmich, Gnabry score as Bayern München hammer Schalke 04",
        "Real Madrid 3-1 Barcelona: Benzema, Vinícius Júnior, Modrić; Lewandowski",
        "Kvitova, Swiatek, Sabalenka and Muchova reach Roland Garros quarter-finals",
        "Xi Jinping, Kim Jong Un, Abdel Fattah el-Sisi",
        "Putin, Xi, Erdogan meet in Samarkand",
        "Mbappé, Griezmann, Giroud in France squad",
        "No.",
        "12:30 – 4.5%",
        "😀",
    ],
)
def test_foreign_does_not_take_names_for_a_language(text: str):
    assert foreign(text, "en") is None


def test_foreign_trusts_a_language_that_it_does_not_know():
    text = "Die Rebellen haben am Freitag die Stadt verlassen, sagte der Minister."
    assert foreign(text, "xx") is None


def test_foreign_takes_both_forms_of_norwegian_as_one():
    text = "Opprørerne angrep byen på fredag, sa utenriksministeren i Genève til journalistene."
    assert foreign(text, "nb") is None
    assert foreign(text, "en") == "no"
