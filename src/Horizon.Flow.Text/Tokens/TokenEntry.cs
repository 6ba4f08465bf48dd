using System.Runtime.InteropServices;

namespace Horizon.Flow.Text.Tokens;

/// <summary>Where a stored document lies, and what is asked of it most often.</summary>
/// <param name="Place">Its first byte.</param>
/// <param name="Length">Tokens.</param>
/// <param name="Labelled">Tokens that are trained on, but for the first, which nothing stands before.</param>
/// <param name="Labels">How its labels are stored.</param>
/// <param name="IsConversation">Whether it is one.</param>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal readonly record struct TokenEntry(long Place, int Length, int Labelled, LabelKind Labels, bool IsConversation);
