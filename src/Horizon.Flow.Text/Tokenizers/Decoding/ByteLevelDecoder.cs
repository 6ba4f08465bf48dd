using System.Text;

namespace Horizon.Flow.Text.Tokenizers;

/// <summary>Reads tokens spelled in the byte alphabet; a token with any other character counts as plain text.</summary>
internal sealed class ByteLevelDecoder : IDecoder
{
    public List<string> Decode(List<string> tokens)
    {
        var bytes = new List<byte>();
        foreach (var token in tokens)
        {
            if (token.All(c => ByteAlphabet.ByteOf(c) >= 0)) bytes.AddRange(token.Select(c => (byte)ByteAlphabet.ByteOf(c)));
            else bytes.AddRange(Encoding.UTF8.GetBytes(token));
        }

        return [Encoding.UTF8.GetString(bytes.ToArray())];
    }
}
