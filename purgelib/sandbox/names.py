"""Names that nobody bears: put together from a few words of the library trade."""

FIRST = (
    "Ada", "Ben", "Cleo", "Dag", "Eda", "Finn", "Gia", "Hal", "Ines", "Jo", "Kai", "Lea", "Max", "Nia",
    "Olaf", "Pia", "Quinn", "Rosa", "Sam", "Tess", "Udo", "Vera", "Wim", "Xenia", "Yan", "Zoe", "Amir",
    "Bea", "Cem", "Dora", "Emil", "Fay", "Gus", "Hana", "Ivo", "Jana", "Kofi", "Lin", "Mei", "Noor",
    "Otto", "Priya", "Raj", "Siri", "Tom", "Uma", "Vito", "Wanda", "Yuki", "Zeno",
)
_FRONT = ("Ink", "Book", "Quill", "Page", "Shelf", "Folio", "Leaf", "Vellum", "Index", "Scroll", "Stack",
          "Desk", "Lamp", "Card", "Spine", "Margin", "Verso", "Recto", "Glue", "Stamp", "Label", "Paper",
          "Proof", "Type", "Font")
_BACK = ("well", "ton", "by", "worth", "man", "field", "stein", "sen", "ez", "ova", "wick", "dale", "moor",
         "berg", "ster", "land")
LAST = tuple(front + back for front in _FRONT for back in _BACK)
# Surnames on which careless readers of tables stumble.
TRAPS = ("Null", "NA", "None", "O'Example", "Exämple", "Example, Jr.", "Nan", "True")

TITLES = (
    ("An Atlas of Places Not There", "Inkwell, A."), ("The Quiet Index", "Bookton, B."),
    ("A Short History of Long Shelves", "Pagefield, C."), ("Gardens of Imaginary Herbs", "Leafmoor, D."),
    ("Numbers That Were Never Counted", "Cardberg, E."), ("The Lamp and the Ladder", "Lampdale, F."),
    ("Field Notes from an Unmapped Lake", "Versowick, G."), ("Bridges Built of Paper", "Papersen, H."),
    ("On Borrowed Time and Borrowed Books", "Stampster, I."), ("Weather for Beginners", "Proofland, J."),
)
PARTNERS = ("Sample State", "Example College", "Placeholder Polytechnic", "Fictional Seminary")
