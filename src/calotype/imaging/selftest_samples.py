"""The tiniest picture of each format: red on the left, blue on the right, deflated and in base 64."""

from __future__ import annotations

SAMPLES = {
    "jpeg": (
        "eNr7f+P/AwYBLzdPNwZGRgYGRiBk+H+bwZmBmYkJhICABYhYOVhZWVhYudjZ2Th4uHh4uLm4uXn5hAR4+QT5uLkFxAQEhUVE"
        "RUV5+MUlxEQkhERERUCGMDID9bCwcrKycorwcvOKkAz+H2AQ5GAQYBBgZhRkYBJkZBZk/H+EQR7oTlZGMGCAAkYmoBvZ2Dk4"
        "ubiBCrYKMDAxMjMzsTCDXA2UrQXKM7AIsgopGjqyCQcmsisVihg1TlzIoey08aBo0MUPKsZJRU2cXGLiEpJSqmrqGppaJqZm"
        "5haWVs4urm7uHp5ewSGhYeERkVHJKalp6RmZWcUlpWXlFZVVzS2tbe0dnV2TJk+ZOm36jJmzFi1esnTZ8hUrV23avGXrtu07"
        "du46dPjI0WPHT5w8denylavXrt+4eevho8dPnj57/uLlq4+fPn/5+u37j5+/QP5iZGBmhAGs/gIGAiMTCwszCzvIX4xM5SAF"
        "giysioZsQo6B7ImFwkpGjRwiThMXbjzIqWwc9EE0qegil5iKyUPVjyCvgX1GnMeayPIZ3GMIf91i4GFmBEYesyCDPcMnrT8d"
        "/z7bPNt/KfjPcVup/WcX/7WA8uz/3wQACObSSw=="
    ),
    "png": (
        "eNrrDPBz5+WS4mJgYOD19HAJAtICIMzBBCQnTMwwA1IKni6OIRVzkvcsVjzewGvRueaQ1rmWUBF+iasGqxJfZDAwLJjD5PR3"
        "E6MFUC2Dp6ufyzqnhCYAjRcYSQ=="
    ),
    "gif": (
        "eNpz93SzME8UYBBgaGRguKMhJ2dzggEMdEAESNyBw4yBkUNGw6DhYDMbp5BLR8BDhzZ2WbEWCQclhi5R1aQtOwKVXfvkbZ1Y"
        "LINUnCep+5qFSE5cerCBwRoAUv8Vew=="
    ),
    "webp": ("eNoL8nRz02JgYAh3dQoIC7DwkQWy9fkPMDPwF3BN4S6871z6L5kz6WDKv0t3JV2+2JcwMgAARP8Pmw=="),
    "tiff": (
        "eNrz9NRiUGFgYKiYs3uxYjm79KTNlo2iiaE2q+pC/gqE8jNsr1US4GJgYGRmYASqEgBiRiQ2E5DNDKQXATEzVJwDiNmgbCYg"
        "FmRkgYuLQsVBesSQzBGHqpEBYag4CDOA9YEgACm/DT0="
    ),
    "bmp": ("eNpz8jVjZgADMyDWAGIBKGZkkIBIAOWP8EEwDMhp3MGKTtjIYUWj6kfVDyf1AA0gJRY="),
    "avif": (
        "eNpjYGBQSCupLEgsy0xjAAIQnZuZZpibmZjm62joBBR6nZtaksgAAYoZKTlFUDZDQWZyCQMa4CvILMkFsxiBWC4zJz8ZxHEB"
        "8RkhoozCQFobiDUyM/PS4GqlgJxUJigvsczA0Dk/Jx9sV1ZmQVEBkPbOLEjOB9IimcUFqVD7BGC4ILMiEyTAzMHBAaR4EssM"
        "nRsZeEBCwsn5OUV5yTkVQJN5GdgagELimQW5MD8BHcbCyNTMAmQa56YklggxcHFK8Py/paC44EKDkYzLx4cPZzoktsm3MDAw"
        "9Qmr/54f/f3Gy6a62dfCGwAPMj7X"
    ),
    "heic": (
        "eNpjYGCQSSupLMhIzaxgAILczDRDEDs3MzGNgYExNDe1JJEBAhQzUnKKoGyGgszkEgY0oJSZk58MYrg4MDACIRAwVkJoINAF"
        "YuXMzLw0MA8kKgrkpDJBeRllyYYgJl9BZkkuXMnVzIKiAiC9LbMgOR9IlwOVOTOycACZ8yxAiuQ+MPz5/+MHAwM/cwJQh7gD"
        "Iw/j//8gBcxgFcxAJbuYHBKBclpOjIyoEhNYBBQ23fVUNT17wNmxESQmCSIYOZKAyjlcGA8WtfEwqQBtEU7OzynKS86pAIrz"
        "MrA1AIVEMosLUqFec4BigYLMikyQADMHB8iJ4pkFubDQAwYISyMTMwuQaZqbkggKPE0NxvWcDxQtS+P//349//+fBeKKv4+c"
        "Cf7/e0bd7z/ia/7/fbmXa4fk/z+s/wF2GFkn"
    ),
    "jxl": ("eNr7z+XsoMLBwshQw+At0S3KcKVLPDmlZ5cDB8NGFU/RHdUizZExE5UCHG8wAAD9ggzV"),
    "svg": (
        "eNpVzUEKwjAQQNGrDOO+mbRQBmm6duMhShIzgajFho54+mrFhbu/ePCHZU3wvJbb4lBqnY/GqGqjXXN/JNMSkXkLBM2hikPb"
        "I0jMSere4zBPVeCSS3F4CL5lGxGCwzMBCa+2P9ELzT+zsfOev4x/jHf2eY0bF9ErXQ=="
    ),
    "dng": (
        "eNrt0klME1EYAOB/tna6MtPOFCQaZUdOsrheZFG03ABXThbFLaiAIGJiIlVRSTTBXW/g7g0VRE+iWJeLwRXwIu56Anc9ML43"
        "ncKEeEATDib/m/6dv++9efP+79XvTwMRABQYAh4YktEAJpw7aWrkdBbLcMCR+xAJjuS030rCYuQWElEMCzZy50mHRHI67ia5"
        "bKyTzQJ4jPk0VCOn6/pM74o28hoyv8DIG8iXJ8SQnepbBG8kJ/1KiAVJXwMgLmTX95BM8tSQoK+9keQlofC7VAg3Ub/yAuWb"
        "qusqygCKAxsqysk90jPF6JBSQA+I+Iy6j3U8UvPoiBrWB5P+CpN+tqGvr2bSZ0z6CTtGlNv5EVnGJJttkoVpABNNc/YHOWDp"
        "e8h1IBiWJRtgYw012iaFws9qWvi31qO9AKkg35+vHwJDB7XnkAccy9IPaTz5CKIg8Lxgt1ototPudDrsDofL7ZFcbtntcEg+"
        "SfYqqqo6o6JjfEqMR1EVugjDkWd4wSYINsXlcCl/3bQbINMTdnJMPLAyw8mM1gWTyT4FRm/D4izZo8Uq2uwOMqFNotYcy3N0"
        "12R0OxkHXhY8cek5Fm9hwBpfqWTUNzWLCbmtnWpR90BiZmlV0Gb3RcdMiE1KTkmdmpY1fcbMWbPn5M2bn79gob+geNHiJUuX"
        "LS9Zuaps9Zq169Zvrq7ZUru1btvOXbsb9uzd13jw0OEjR48dP3Gy5dTpM2fPnb9w8dLlK23tVzuuXb95q+t26M7de/cfPnr8"
        "5Omznt6+/pevXr95++79h4+Dnz5/+frt+4+fv2hdDPlbRNof65JJXSzPc7yV1sWwtXSCzAtx6RZPTqE1UOmNz6gXldym5tZO"
        "W0Jm0YBaWtVt9yVm9ScN0tL0ysZWWPCfKhsubKSuPnp65PA4GeZCaksjaL0gPuhwjGf8/9f4CqE/+qM/+qM/+qM/+qM/+qM/"
        "+qM/+qM/+qM/+qM/+qM/+qM/+qM/+qM/+qM/+qM/+qM/+qM/+qM/+qM/+qM/+qM/+qM/+o8lfgNY2qXF"
    ),
}
