"""Names of places → country and coordinates, and the many that stay empty."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.nlp.places import countries_in, countries_of, enclosing, place


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("Ukraine", "UA"),
        ("the Netherlands", "NL"),
        ("The Gambia", "GM"),
        ("Türkiye", "TR"),
        ("Turkey", "TR"),
        ("U.S.", "US"),
        ("the US", "US"),
        ("UK", "GB"),
        ("Northern Ireland", "GB"),
        ("Scotland", "GB"),
        ("South Korea", "KR"),
        ("Democratic Republic of the Congo", "CD"),
        ("Central African Republic", "CF"),
        ("Côte d'Ivoire", "CI"),
        ("Ivory Coast", "CI"),
        ("Czech Republic", "CZ"),
        ("Burma", "MM"),
        ("Gaza", "PS"),
        ("Texas", "US"),
        ("New York", "US"),  # the city or the state
        ("Washington", "US"),
        ("Luxembourg", "LU"),  # the city or the country
        ("Singapore", "SG"),
        ("eastern Turkey", "TR"),
        ("central Kyiv", "UA"),
        ("Kyiv", "UA 50.45,30.52"),
        ("Kiev", "UA 50.45,30.52"),
        ("SANAA", "YE 15.35,44.21"),
        ("Belém", "BR -1.46,-48.50"),
        ("BELEM", "BR -1.46,-48.50"),
        ("Paris", "FR 48.85,2.35"),
        ("Rome", "IT 41.89,12.51"),
        ("Moscow", "RU 55.75,37.62"),
        ("Tirana", "AL 41.33,19.82"),
        ("Kyiv, Ukraine", "UA 50.45,30.52"),
        ("Paris, Texas", "US 33.66,-95.56"),
        ("New Bedford, Massachusetts", "US 41.64,-70.93"),
        ("Washington, D.C.", "US"),
        ("Tbilisi, Georgia", "GE 41.69,44.83"),
        ("Gallabat, Sudan", "SD"),
        ("Athens, Georgia", "US 33.96,-83.38"),
        ("Malibu, Calif.", "US 34.03,-118.78"),
        ("Malibu, CA", "US 34.03,-118.78"),
        ("Springfield, Illinois", "US 39.80,-89.64"),
    ],
)
def test_places_place_that_is_unambiguous(name: str, meaning: str):
    assert str(place(name)) == meaning


@pytest.mark.parametrize(
    "name",
    [
        *(
            "",
            " ",
            "hospital",
            "border",
            "the border",
            "court",
            "us",
            "car",
            "Polish border",
            "French embassy",
            "Europe",
        ),
        *("Red Sea", "Danube", "Gulf of Aden", "Al-Fashaga triangle", "Supreme Court", "Crimea", "Kashmir", "Puntland"),
        *("Congo", "Korea", "Macedonia", "Georgia", "Springfield", "Birmingham", "Tripoli", "Victoria", "Valencia"),
        *(
            "Beni",
            "Gallabat",
            "Geneva",
            "Corinth",
            "eastern",
            "eastern front",
            "Ukrainian",
            "Nowhere, Europe",
            *("the White House", "White House", "Deli", "La.", "the Paris", "Calif."),
        ),
    ],
)
def test_places_place_leaves_empty_what_it_cannot_tell(name: str):
    assert place(name) is None


@pytest.mark.parametrize(
    ("name", "named", "meaning"),
    [
        ("Geneva", {"CH"}, "CH 46.20,6.15"),
        ("Geneva", {"CH", "US"}, "None"),
        ("Tripoli", {"LY"}, "LY 32.89,13.19"),
        ("Tripoli", {"LB"}, "LB 34.43,35.84"),
        ("Tripoli", {"LB", "LY"}, "None"),
        ("Trinidad", {"BO"}, "BO -14.83,-64.90"),
        ("Dondo", {"MZ"}, "MZ -19.61,34.74"),
        ("Springfield", {"US"}, "None"),
        ("Palmer", {"US"}, "None"),
        ("Malibu", {"US"}, "None"),  # small
        ("Beni", {"BO"}, "None"),
        ("Gallabat", {"ET", "SD"}, "None"),  # the gazetteer knows it as another name of its neighbour
        ("Paris", {"US"}, "FR 48.85,2.35"),
        ("Moscow", {"US"}, "RU 55.75,37.62"),
        ("Santiago", {"CL"}, "CL -33.46,-70.65"),
        ("Santiago", {"DO"}, "None"),  # Santiago de los Caballeros
        ("Georgia", {"GE"}, "GE"),
        ("Georgia", {"US"}, "US"),
        ("Georgia", {"GE", "US"}, "None"),
    ],
)
def test_places_place_by_the_countries_of_the_article(name: str, named: set[str], meaning: str):
    assert str(place(name, frozenset(named))) == meaning


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Talks between the United States and Niger in Geneva.", {"US", "NE"}),
        ("Ukraine’s army; (Russia's), “Guinea-Bissau”", {"UA", "RU", "GW"}),
        ("in Ivory Coast, Papua New Guinea and New Zealand", {"CI", "PG", "NZ"}),
        ("The U.S. envoy met the UAE's minister in South Sudan.", {"US", "AE", "SS"}),
        ("They told us. A car hit the Turkish consul. Uk Oman-born", set()),
        ("Georgia and Congo", set()),
        ("TBILISI, GEORGIA; ANKARA, TURKEY", {"TR"}),
        ("", set()),
    ],
)
def test_places_countries_in_a_text(text: str, named: set[str]):
    assert countries_in(text) == named


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        (", Ukraine, and", {"UA"}),
        (", Ill., where", {"US-IL"}),
        (" , N.Y.", {"US-NY"}),
        (", New York Mayor", {"US-NY"}),
        (", South Korea said", {"KR"}),
        (", Georgia.", {"GE", "US-GA"}),
        (", in Ukraine", set()),
        (", or Ukraine", set()),
        (" Ukraine", set()),
        (",", set()),
        ("", set()),
    ],
)
def test_places_enclosing_is_what_stands_behind_a_comma(text: str, codes: set[str]):
    assert enclosing(text) == codes


@given(st.text(), st.frozensets(st.sampled_from(["US", "GE", "UA", "??"])))
def test_places_never_raise(text: str, named: frozenset[str]):
    found = place(text, named)
    assert found is None or (len(found.country) == 2 and -90 <= (found.lat or 0) <= 90)
    assert len(countries_of(text)) <= 2
    assert all(len(code) in (2, 5) for code in enclosing(f", {text}"))
