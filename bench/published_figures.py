"""What is published of Qwen3-4B-Instruct-2507's unembedding matrix, digit for digit as printed."""

ROWS, COLUMNS = 151936, 2560
TOKENIZER_ROWS = 151669  # the 267 rows beyond are padding

# Statistics of the centroid mu, of the rows' norms, and of the centered rows' norms.
CENTROID = {"norm": "0.304777", "mean": "-0.000026", "std": "0.006025"}
GAMMA_NORM = {"mean": "1.087283", "std": "0.168146", "min": "0.359538", "median": "1.114134", "max": "1.605024"}
CENTERED_NORM = {"mean": "1.040134", "std": "0.188920", "min": "0.153098", "median": "1.073374", "max": "1.568522"}
CENTERED_NORMS_OF_FIRST = ["1.172701", "1.221996", "1.097519", "1.075008", "1.109532"]  # ids 0 to 4

# As notebook 01.1a prints them, with fewer digits.
NOTEBOOK = {"centroid norm": "0.3048", "centroid mean": "-0.000026", "centroid std": "0.006025",
            "centered mean norm": "1.0401", "centered std norm": "0.1889"}

# Groups of rows that are the same bit for bit, by size.
DUPLICATE_GROUPS = [814, 704, 306, 228, 11, 10, 6, 5, 4, 4, 3, 3, 2]
UNIQUE_ROWS = 149849
