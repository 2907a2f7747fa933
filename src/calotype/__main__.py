"""`python -m calotype` is the same as `calotype`."""

from calotype.cli.main import main

if __name__ == "__main__":
    main()
