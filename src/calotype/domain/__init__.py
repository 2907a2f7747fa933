"""The words of the product: frozen dataclasses, enums and errors that import nothing else of Calotype."""
