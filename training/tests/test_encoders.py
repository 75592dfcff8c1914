import unittest

import torch

from mini import dna_tokens, genetic_code
from mini.encoders import Pair, PairSizes, Sizes

SIZES = PairSizes(Sizes(2, 32, 2, 32), Sizes(2, 16, 2, 32), 64)


def random_frames() -> tuple[torch.Tensor, torch.Tensor]:
    dna = torch.randint(dna_tokens.FIRST_PIECE, len(dna_tokens.VOCABULARY), (5, 30))
    protein = torch.randint(genetic_code.FIRST_RESIDUE, genetic_code.FIRST_RESIDUE + genetic_code.RESIDUES, (5, 60))
    dna[1, 20:] = dna_tokens.PAD
    protein[1, 40:] = genetic_code.PAD
    return dna, protein


def roughened(pair: Pair) -> Pair:
    """With weights such as training may produce."""
    with torch.no_grad():
        for one in pair.parameters():
            one += 0.1 * torch.randn_like(one)
    return pair


class Encoders(unittest.TestCase):
    def setUp(self) -> None:
        torch.manual_seed(0)
        self.pair = roughened(Pair(SIZES)).eval()
        self.frames = random_frames()

    def test_silent_layers_add_nothing(self) -> None:
        self.pair.silence()
        torch.testing.assert_close(self.pair.embed(*self.frames), self.pair.embed_alone(*self.frames))

    def test_layers_that_speak_change_what_is_embedded(self) -> None:
        difference = self.pair.embed(*self.frames) - self.pair.embed_alone(*self.frames)
        self.assertGreater(difference.abs().max().item(), 1e-2)

    def test_a_new_pair_is_silent(self) -> None:
        pair = Pair(SIZES).eval()
        torch.testing.assert_close(pair.embed(*self.frames), pair.embed_alone(*self.frames))

    def test_stem_alone_decides_while_layers_are_silent(self) -> None:
        self.pair.silence()
        loss = self.pair(*self.frames).square().sum()
        loss.backward()
        outputs = {id(one) for layer in (*self.pair.dna.layers, *self.pair.protein.layers)
                   for part in (layer.attention_output, layer.down) for one in part.parameters()}
        for one in self.pair.inside():
            if id(one) not in outputs:
                self.assertTrue(one.grad is None or one.grad.abs().max().item() == 0)
        counted = len(self.pair.inside()) + len(self.pair.stem())
        self.assertEqual(counted, len(list(self.pair.parameters())))

    def test_padding_changes_nothing(self) -> None:
        dna, protein = self.frames
        alone = self.pair.embed(dna[1:2, :20], protein[1:2, :40])
        torch.testing.assert_close(self.pair.embed(*self.frames)[1:2], alone)

    def test_plain_classifier_reads_what_the_pair_does_not_normalise(self) -> None:
        embedding = self.pair.embed(*self.frames)
        self.pair.input_norm.running_mean.normal_()
        self.pair.input_norm.running_var.uniform_(0.5, 2)
        plain = self.pair.plain_classifier().eval()
        torch.testing.assert_close(plain(embedding), self.pair.classify(embedding))

    def test_kept_norms_are_those_of_a_finished_pair_also_in_training(self) -> None:
        logits = self.pair(*self.frames)
        self.pair.train()
        self.pair.keep_norms()
        mean = self.pair.input_norm.running_mean.clone()
        torch.testing.assert_close(self.pair(*self.frames), logits)
        torch.testing.assert_close(self.pair.input_norm.running_mean, mean)


if __name__ == "__main__":
    unittest.main()
