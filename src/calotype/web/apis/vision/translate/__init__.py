"""Pure functions between the Vision API's models and the domain."""
